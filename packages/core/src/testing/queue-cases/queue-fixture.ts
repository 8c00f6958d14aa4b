import { setImmediate } from 'node:timers/promises'
import { type Clock, sleep, systemClock } from '../../clock.ts'
import type { AttemptState, Consumer, Delivery } from '../../consumer/consumer.ts'
import { noAttempts } from '../../consumer/consumer.ts'
import type { WalError } from '../../errors.ts'
import type { Producer } from '../../producer/producer.ts'
import type { Queue, QueueSupports, RecordRetention } from '../../queue/queue.ts'
import { systemRandom } from '../../random.ts'
import type { StoredRecord } from '../../record.ts'
import { brief, check, checkEqual, fail, Stalled, within } from '../check.ts'
import { makeStoredRecord } from '../make-record.ts'
import type { QueueConformanceOptions, QueueSubject } from '../queue-conformance.ts'

/** One demand of the queue suite, given a queue that is open and empty. */
export interface QueueCase {
  readonly name: string
  /** See `QueueContext.blocksKeys`. */
  readonly blocksKeys?: boolean
  run(fixture: QueueFixture): Promise<void>
}

const namespace = 'conformance'

/** The targets of the namespace in every case; a queue without independent readers has the first. */
export const firstTarget = 'first'
export const secondTarget = 'second'

/** A queue under test, open, and the steps that the cases share. */
export class QueueFixture {
  readonly clock: Clock
  readonly shortDelayMs: number
  readonly quietMs: number
  readonly patienceMs: number
  readonly seed: number
  readonly #passTime: (ms: number) => Promise<void>
  readonly #subject: QueueSubject
  readonly #consumers = new Map<string, Consumer>()
  #backgroundErrors: WalError[] = []
  #queue: Queue
  #producer: Producer | undefined
  #retention: RecordRetention | undefined
  readonly #blocksKeys: boolean
  /** A case that was given up may still be running: it must not go on for ever. */
  #ended = false

  static async start(options: QueueConformanceOptions, blocksKeys = false): Promise<QueueFixture> {
    const subject = await options.create()
    const fixture = new QueueFixture(options, subject, await subject.queue(), blocksKeys)
    await fixture.#open()
    return fixture
  }

  private constructor(
    options: QueueConformanceOptions,
    subject: QueueSubject,
    queue: Queue,
    blocksKeys: boolean,
  ) {
    this.#blocksKeys = blocksKeys
    this.clock = options.clock ?? systemClock
    this.shortDelayMs = options.shortDelayMs ?? 120
    this.quietMs = options.quietMs ?? 60
    this.patienceMs = options.patienceMs ?? 5_000
    this.seed = options.seed ?? Math.floor(systemRandom.next() * 2 ** 31)
    this.#passTime = options.passTime ?? ((ms) => sleep(this.clock, ms))
    this.#subject = subject
    this.#queue = queue
  }

  get queue(): Queue {
    return this.#queue
  }

  get supports(): QueueSupports {
    return this.#queue.supports
  }

  get targets(): readonly string[] {
    return this.supports.independentReaders ? [firstTarget, secondTarget] : [firstTarget]
  }

  passTime(ms: number): Promise<void> {
    return this.#passTime(ms)
  }

  async producer(): Promise<Producer> {
    this.#producer ??= await this.#queue.producer()
    return this.#producer
  }

  /** The open consumer of the target, opened if need be. */
  async consumer(target: string = firstTarget): Promise<Consumer> {
    const open = this.#consumers.get(target) ?? (await this.#queue.consumer(target))
    this.#consumers.set(target, open)
    return open
  }

  async closeConsumer(target: string = firstTarget): Promise<void> {
    await this.#consumers.get(target)?.close()
    this.#consumers.delete(target)
  }

  /** A record of the namespace, written now by the queue's clock. */
  record(overrides: Partial<StoredRecord> = {}): StoredRecord {
    const writtenAt = Math.floor(this.clock.now())
    return makeStoredRecord({ namespace, writtenAt, ...overrides })
  }

  /** Sends and insists that every record is durable. */
  async send(...records: readonly StoredRecord[]): Promise<readonly StoredRecord[]> {
    const outcomes = await (await this.producer()).send(records)
    check(
      outcomes.length === records.length && outcomes.every(({ durable }) => durable === 'yes'),
      "Producer.send answers one 'yes' per record for records it supports",
      brief(outcomes),
    )
    return records
  }

  /** Sends so many records, all of one key if one is given. */
  sendMany(count: number, overrides: Partial<StoredRecord> = {}): Promise<readonly StoredRecord[]> {
    return this.send(...Array.from({ length: count }, () => this.record(overrides)))
  }

  /** Pulls until there are so many deliveries, and fails if they do not come in time. */
  pull(consumer: Consumer, count: number): Promise<readonly Delivery[]> {
    const pulled = this.#pull(consumer, count)
    // A case may fail before it looks at what it has asked for.
    pulled.catch(() => {})
    return pulled
  }

  async #pull(consumer: Consumer, count: number): Promise<readonly Delivery[]> {
    const { deliveries, isLate } = await this.#pullFor(this.patienceMs, consumer, count)
    check(
      deliveries.length === count,
      'Consumer.pull hands out every record that is due, once, and no other',
      `${deliveries.length} deliveries where ${count} were due`,
    )
    check(
      !isLate,
      'Consumer.pull waits until there is something to hand out, and no longer',
      `it resolved only when it was aborted, after ${this.patienceMs} ms`,
    )
    return deliveries
  }

  /** Pulls until nothing has come for a while, waiting patiently for the first so many. */
  async pullAll(consumer: Consumer, atLeast = 0): Promise<readonly Delivery[]> {
    const { deliveries } = await this.#pullFor(this.patienceMs, consumer, atLeast)
    for (;;) {
      const more = await this.#pullFor(this.quietMs, consumer, 1_000)
      if (more.deliveries.length === 0) return deliveries
      deliveries.push(...more.deliveries)
      const distinct = new Set(idsOf(deliveries)).size
      const contract = 'A leased record is given to nobody until it is acked or released'
      check(
        distinct === deliveries.length,
        contract,
        `${deliveries.length} deliveries of ${distinct}`,
      )
    }
  }

  /**
   * So many deliveries that the case does not need any more. Where a queue withholds a key while it is
   * leased, they are acked as they come, and come in smaller lots.
   */
  async take(consumer: Consumer, count: number): Promise<readonly Delivery[]> {
    if (!this.supports.withholdsLeasedKey) return this.pull(consumer, count)
    const deliveries: Delivery[] = []
    while (deliveries.length < count) {
      const lot = await this.pull(consumer, 1)
      deliveries.push(...lot)
      await consumer.ack(lot)
    }
    return deliveries
  }

  /** `most`, or as many of one key's records as a queue that withholds it hands out at once. */
  ofOneKey(most: number): number {
    return this.supports.withholdsLeasedKey ? Math.min(most, 8) : most
  }

  /** Whatever comes in one short pull. */
  async pullBriefly(consumer: Consumer): Promise<readonly Delivery[]> {
    return (await this.#pullFor(5, consumer, 1)).deliveries
  }

  /** `until`: from then on, in ms since the Unix epoch, something may come. */
  async pullsNothing(consumer: Consumer, contract: string, until?: number): Promise<void> {
    const { deliveries } = await this.#pullFor(this.quietMs, consumer, 1)
    if (deliveries.length > 0 && until !== undefined) this.ensureBefore(until)
    check(deliveries.length === 0, contract, `handed out ${brief(deliveries)}`)
  }

  /**
   * To be called after what tells something only while it is not yet `instant`, in ms since the Unix epoch. Else the
   * case is run again, with longer delays.
   */
  ensureBefore(instant: number): void {
    const lateMs = this.clock.now() - instant
    if (lateMs < 0) return
    const contract = 'What a case does at once is done before its delay is over'
    throw new Stalled(contract, `${lateMs} ms too late with a delay of ${this.shortDelayMs} ms`)
  }

  /** Lets a little real time go by, for what should not happen meanwhile. */
  quietTime(ms: number = this.quietMs): Promise<void> {
    return sleep(systemClock, ms)
  }

  release(
    consumer: Consumer,
    deliveries: readonly Delivery[],
    { delayMs = 0, attempts = noAttempts }: { delayMs?: number; attempts?: AttemptState } = {},
  ): Promise<void> {
    return consumer.release(deliveries.map((delivery) => ({ delivery, attempts, delayMs })))
  }

  /**
   * Closes everything and opens a queue over the same storage, to keep records for so long. Answers false, and has done nothing,
   * where the queue declares that nothing survives.
   */
  async reopen(retention?: RecordRetention): Promise<boolean> {
    if (this.#subject.reopens === false) return this.#survivesNothing()
    await this.#close()
    this.#retention = retention
    await this.#reopenStorage()
    return true
  }

  /** Drops everything as the death of the process would, and opens a queue over what it left. */
  async crash(): Promise<boolean> {
    if (!this.#subject.crash) return this.#survivesNothing()
    this.#backgroundErrors = [...this.#backgroundErrors] // nobody hears what the dead still report
    await this.#subject.crash()
    this.#consumers.clear()
    this.#producer = undefined
    await this.#reopenStorage()
    return true
  }

  /** Checks how much is not acked, with nothing delayed, unless the queue can only estimate it. */
  async checkPending(consumer: Consumer, expected: number, contract: string): Promise<void> {
    const { pending, delayed, approximate } = await consumer.backlog()
    const counts = { pending, delayed }
    check(pending >= 0 && delayed >= 0, 'Backlog counts from 0', brief(counts))
    if (!approximate) checkEqual(counts, { pending: expected, delayed: 0 }, contract)
  }

  /** Checks what came with a delivery, as far as the queue declares to remember it. */
  checkAttempts(delivery: Delivery | undefined, expected: AttemptState, contract: string): void {
    const { attempts } = this.supports
    if (attempts === 'none') return
    const seen = delivery?.attempts
    if (attempts === 'all') checkEqual(seen, expected, contract)
    else checkEqual({ ...seen, history: [] }, { ...expected, history: [] }, contract)
  }

  /** Closes everything; nothing may have failed in the background. */
  async checkedEnd(): Promise<void> {
    await this.#close()
    check(
      this.#backgroundErrors.length === 0,
      'QueueContext.reportError is told of failures only, and nothing failed here',
      brief(this.#backgroundErrors),
    )
  }

  async dispose(): Promise<void> {
    this.#ended = true
    // After a failed case something may hang or be broken: never for long, and not worth a report.
    await within(this.patienceMs, this.#close(), 'closes').catch(() => {})
    await this.#subject.dispose?.()
  }

  async #open(): Promise<void> {
    const errors = this.#backgroundErrors
    await this.#queue.open({
      namespace,
      targets: this.targets,
      directory: this.#subject.directory,
      clock: this.clock,
      random: systemRandom,
      retention: this.#retention,
      blocksKeys: this.#blocksKeys,
      reportError: (error) => errors.push(error),
    })
  }

  #survivesNothing(): false {
    check(
      this.supports.durability === 'none',
      "Only a queue of durability 'none' may lose its content with the process",
      `durability '${this.supports.durability}', and no way to reopen or to crash it was given`,
    )
    return false
  }

  async #reopenStorage(): Promise<void> {
    this.#queue = await this.#subject.queue()
    await this.#open()
  }

  async #close(): Promise<void> {
    for (const consumer of this.#consumers.values()) await consumer.close()
    await this.#producer?.close()
    this.#consumers.clear()
    this.#producer = undefined
    await this.#queue.close()
  }

  /** `isLate`: the time was up before the last of them came. */
  async #pullFor(
    ms: number,
    consumer: Consumer,
    count: number,
  ): Promise<{ readonly deliveries: Delivery[]; readonly isLate: boolean }> {
    const deliveries: Delivery[] = []
    const { signal, cancel } = abortAfter(ms)
    try {
      while (deliveries.length < count && !signal.aborted) {
        if (this.#ended) fail('The case goes on', 'it has failed already')
        const limits = { maxRecords: count - deliveries.length, maxBytes: 2 ** 30 }
        const pulled = consumer.pull({ ...limits, signal })
        deliveries.push(...(await within(ms + this.patienceMs, pulled, abortEndsPull)))
        if (signal.aborted) return { deliveries, isLate: true }
        // Lets timers run too, where a broken queue resolves at once and for ever.
        await setImmediate()
      }
      return { deliveries, isLate: false }
    } finally {
      cancel()
    }
  }
}

function abortAfter(ms: number): { readonly signal: AbortSignal; readonly cancel: () => void } {
  const controller = new AbortController()
  const timer = systemClock.setTimer(ms, () => controller.abort())
  return { signal: controller.signal, cancel: () => timer.cancel() }
}

const abortEndsPull = 'PullOptions.signal ends the wait of a pull'

/** Ids in order, for comparing what came with what was sent. */
export function idsOf(items: readonly (StoredRecord | Delivery)[]): readonly string[] {
  return items.map((item) => ('record' in item ? item.record.id : item.id))
}
