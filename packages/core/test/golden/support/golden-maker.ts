import type { AttemptState, Consumer, Delivery } from '../../../src/consumer/consumer.ts'
import { DelayedRecords } from '../../../src/delayed-records.ts'
import type { StoredDeadLetter } from '../../../src/dlq/dlq.ts'
import { type FileQueueOptions, fileQueue } from '../../../src/queue/file/file-queue.ts'
import type { Queue, QueueContext } from '../../../src/queue/queue.ts'
import type { StoredRecord } from '../../../src/record.ts'
import { SeededRandom } from '../../../src/testing/seeded-random.ts'
import { SimulatedFileSystem } from '../../../src/testing/simulated-file-system.ts'
import { VirtualClock } from '../../../src/testing/virtual-clock.ts'
import { openLock } from '../../queue/file/support/open-lock.ts'
import { pullNow } from '../../queue/file/support/open-queue.ts'
import { type Expected, letterJson, recordJson } from './golden-json.ts'

export const targets = ['search', 'cassandra'] as const
export type TargetName = (typeof targets)[number]

const directory = '/golden'
const startMs = Date.UTC(2026, 10, 24, 12)

/** Makes one queue's directory and keeps book of what must come out of it. */
export class GoldenMaker {
  readonly clock = new VirtualClock({ now: startMs })
  disk = new SimulatedFileSystem({ random: new SeededRandom(1) })
  /** Every record that was answered `'yes'`, in order. */
  readonly records: StoredRecord[] = []
  readonly #options: FileQueueOptions
  readonly #context: Partial<QueueContext>
  readonly #random: SeededRandom
  readonly #done = new Map<TargetName, Set<string>>(targets.map((name) => [name, new Set()]))
  readonly #attempts = new Map<TargetName, Map<string, AttemptState>>(
    targets.map((name) => [name, new Map()]),
  )
  /** Cancelled, or there again with another time. */
  readonly #recalled = new Set<StoredRecord>()
  readonly #letters = new Map<string, StoredDeadLetter>()
  readonly #consumers = new Map<TargetName, Consumer>()
  #queue: Queue | undefined

  constructor(seed: number, options: FileQueueOptions = {}, context: Partial<QueueContext> = {}) {
    this.#random = new SeededRandom(seed)
    this.#options = { segmentBytes: 4096 + 400, ...options }
    this.#context = context
  }

  async open(): Promise<Queue> {
    const { disk, clock } = this
    const queue = fileQueue({ directory, fileSystem: disk, lock: openLock, ...this.#options })
    await queue.open({
      namespace: 'titles',
      targets,
      directory: undefined,
      clock,
      random: this.#random,
      reportError() {},
      ...this.#context,
    })
    this.#queue = queue
    return queue
  }

  /** Sends the records in one group. Those that are not answered `'yes'` are not expected. */
  async send(...records: readonly Partial<StoredRecord>[]): Promise<readonly StoredRecord[]> {
    const whole = records.map((each) => this.#record(each))
    const producer = await this.#opened.producer()
    const outcomes = await producer.send(whole)
    await producer.close()
    this.records.push(...whole.filter((_, at) => outcomes[at]?.durable === 'yes'))
    return whole
  }

  /** Records whose group is on the disk in part only: cut off in the midst of the last one. */
  async sendTorn(...records: readonly Partial<StoredRecord>[]): Promise<void> {
    const kept = this.records.length
    await this.send(...records)
    this.records.splice(kept + records.length - 1)
    const path = this.#lastSegment()
    const bytes = this.disk.bytesOf(path)
    const end = bytes.findLastIndex((byte) => byte !== 0)
    this.disk.put(path, bytes.fill(0, end - 20))
  }

  /** Records that are written, whose sync fails, and that are answered `'no'`. */
  async sendRefused(...records: readonly Partial<StoredRecord>[]): Promise<void> {
    const path = this.#lastSegment()
    const kept = this.records.length
    this.disk.fault = (call) => {
      const isIt = call.path === path && ['writeDurably', 'sync'].includes(call.kind)
      return isIt ? { fail: 'EIO', lands: 1 } : undefined
    }
    await this.send(...records)
    this.disk.fault = () => undefined
    if (this.records.length !== kept) throw new Error('the sync has not failed')
  }

  /** Lets done what goes on in the background: cursors are synced, and segments let go. */
  async settle(forMs: number): Promise<void> {
    await this.clock.advance(forMs)
  }

  addFile(path: string, bytes: Buffer): void {
    this.disk.put(`${directory}/${path}`, bytes)
  }

  /** What can be pulled now of those that no earlier pull gave. */
  async pull(target: TargetName): Promise<readonly Delivery[]> {
    return pullNow(await this.#consumer(target))
  }

  async ack(target: TargetName, deliveries: readonly Delivery[]): Promise<void> {
    await (await this.#consumer(target)).ack(deliveries)
    for (const { record } of deliveries) this.#done.get(target)?.add(record.id)
  }

  /** A delayed record that no target has had is cancelled, or given another time. */
  async recall(recalled: StoredRecord | undefined, dueAt?: number): Promise<void> {
    const id = recalled?.id ?? ''
    const producer = await this.#opened.producer()
    const copies: StoredRecord[] = []
    const delayed = new DelayedRecords({
      namespace: 'titles',
      queue: this.#opened,
      targets,
      dueAt: () => dueAt,
      send(records) {
        copies.push(...records)
        return producer.send(records)
      },
    })
    const fates = dueAt ? await delayed.reschedule(id, { at: dueAt }) : await delayed.cancel(id)
    await producer.close()
    const wanted = dueAt ? 'rescheduled' : 'cancelled'
    if (targets.some((target) => fates[target] !== wanted)) throw new Error(JSON.stringify(fates))
    for (const record of this.records) if (record.id === id) this.#recalled.add(record)
    this.records.push(...copies)
  }

  /** The process is going to die during these attempts. */
  async begin(target: TargetName, deliveries: readonly Delivery[]): Promise<void> {
    await (await this.#consumer(target)).beginAttempts?.(deliveries)
    for (const { record, attempts } of deliveries) {
      const { spent, interrupted } = attempts
      const after = { ...attempts, spent: spent + 1, interrupted: interrupted + 1 }
      this.#attempts.get(target)?.set(record.id, after)
    }
  }

  async saveAttempts(
    target: TargetName,
    deliveries: readonly Delivery[],
    attempts: AttemptState,
  ): Promise<void> {
    const consumer = await this.#consumer(target)
    await consumer.saveAttempts(deliveries.map((delivery) => ({ delivery, attempts })))
    for (const { record } of deliveries) this.#attempts.get(target)?.set(record.id, attempts)
  }

  async putLetters(...letters: readonly StoredDeadLetter[]): Promise<void> {
    await (await this.#opened.deadLetters())?.put(letters)
    for (const letter of letters) {
      this.#letters.delete(letter.id)
      this.#letters.set(letter.id, letter)
    }
  }

  async removeLetters(...ids: readonly string[]): Promise<void> {
    await (await this.#opened.deadLetters())?.remove(ids)
    for (const id of ids) this.#letters.delete(id)
  }

  async close(): Promise<void> {
    for (const consumer of this.#consumers.values()) await consumer.close()
    this.#consumers.clear()
    await this.#opened.close()
    this.#queue = undefined
  }

  /** The process dies. */
  kill(): void {
    this.#consumers.clear()
    this.#queue = undefined
    this.disk = this.disk.kill()
  }

  /** The queue's files by their paths; the owner's is nobody's in particular. */
  files(): ReadonlyMap<string, Buffer> {
    const paths = this.disk.paths.filter((path) => path.startsWith(`${directory}/`))
    const files = paths.map((path) => [path.slice(directory.length + 1), this.disk.bytesOf(path)])
    const owner = JSON.parse(this.disk.bytesOf(`${directory}/owner.json`).toString())
    const nobody = { ...owner, pid: 1, host: 'golden', title: 'node', bootId: '' }
    return new Map([...files, ['owner.json', Buffer.from(JSON.stringify(nobody))]] as [
      string,
      Buffer,
    ][])
  }

  /** `firstSequence` is that of the first record still in the log. */
  expected(about: string, firstSequence: number): Expected {
    return {
      about,
      firstSequence,
      records: this.records.slice(firstSequence - 1).map(recordJson),
      pending: Object.fromEntries(targets.map((target) => [target, this.#pendingOf(target)])),
      attempts: Object.fromEntries(targets.map((target) => [target, this.#attemptsOf(target)])),
      deadLetters: [...this.#letters.values()].map(letterJson),
    }
  }

  #lastSegment(): string {
    return (
      this.disk.paths
        .filter((path) => path.endsWith('.segment'))
        .sort()
        .at(-1) ?? ''
    )
  }

  get #opened(): Queue {
    if (!this.#queue) throw new Error('the queue is not open')
    return this.#queue
  }

  async #consumer(target: TargetName): Promise<Consumer> {
    const consumer = this.#consumers.get(target) ?? (await this.#opened.consumer(target))
    this.#consumers.set(target, consumer)
    return consumer
  }

  /** A record written a millisecond after the one before. */
  #record(overrides: Partial<StoredRecord>): StoredRecord {
    this.clock.stepWallClock(1)
    const now = this.clock.now()
    const bytes = Buffer.from(this.#random.fill(new Uint8Array(16))).toString('hex')
    const tail = `${bytes.slice(13, 16)}-8${bytes.slice(17, 20)}-${bytes.slice(20)}`
    const time = now.toString(16).padStart(12, '0')
    return {
      id: `${time.slice(0, 8)}-${time.slice(8)}-7${tail}`,
      namespace: 'titles',
      key: `key-${this.#random.integer(1, 3)}`,
      op: 'put',
      payload: Buffer.from(`{"written":${now}}`),
      headers: {},
      writtenAt: now,
      dueAt: undefined,
      version: BigInt(now) * 1000n - ((BigInt(now) * 1000n) % 16n),
      origin: 'local',
      target: undefined,
      transaction: undefined,
      attemptEpoch: 0,
      traceContext: undefined,
      encryptionKeyId: undefined,
      ...overrides,
    }
  }

  #pendingOf(target: TargetName): Record<string, readonly string[]> {
    const isMine = (record: StoredRecord): boolean =>
      record.target === undefined || record.target === target
    const pending = this.records.filter(
      (each) => isMine(each) && !this.#recalled.has(each) && !this.#done.get(target)?.has(each.id),
    )
    // A delayed one joins its key as if written when it is due.
    const timeOf = ({ dueAt, writtenAt }: StoredRecord): number => dueAt ?? writtenAt
    const inOrder = pending.sort((a, b) => timeOf(a) - timeOf(b))
    const keys = new Set(inOrder.map(({ key = '' }) => key))
    const idsOf = (wanted: string): readonly string[] =>
      inOrder.filter(({ key = '' }) => key === wanted).map(({ id }) => id)
    return Object.fromEntries([...keys].map((key) => [key, idsOf(key)]))
  }

  #attemptsOf(target: TargetName) {
    const tried = [...(this.#attempts.get(target) ?? [])]
    const left = tried.filter(([id]) => !this.#done.get(target)?.has(id))
    return Object.fromEntries(
      left.map(([id, { spent, interrupted }]) => [id, { spent, interrupted }]),
    )
  }
}
