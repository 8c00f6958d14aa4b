import { WalError } from '@daybook/core'
import type { Partition, Slot } from '../consumer/partition.ts'
import type { ParkedLog } from './parked-log.ts'

/** What acks need of their partition. */
export interface ParkedAcksOptions {
  readonly partition: Partition
  readonly log: ParkedLog
  /** True where it is not known whether a copy of the record is stored. */
  isDoubtful(slot: Slot): boolean
  /** Makes it known. Rejects where it still is not. */
  settle(): Promise<void>
  /** Resolves once what was done with by now is committed. */
  saved(): Promise<void>
  /** Does it once nothing else is under way with the parked partition. */
  after(work: () => Promise<void>): Promise<void>
  /** True once the partition is somebody else's, or given up. */
  isOver(): boolean
  pause(ms: number): Promise<void>
  /** Some were done with. */
  done(): void
  /** It failed, and is tried again. Told once for failures in a row. */
  failed(error: unknown): void
}

const longestPauseMs = 5_000

/**
 * The acks of what is parked, and of what comes after it in its key: each key's in the order in which they were
 * asked for, and again until they have gone through. So whoever asks does not wait, and nor does anything else;
 * but for what was redriven, whose letter goes once its copy is done with for good.
 */
export class ParkedAcks {
  readonly #options: ParkedAcksOptions
  /** Asked for and not done with, in their order. */
  readonly #queue: Slot[] = []
  /** How many of each key stand in the queue. */
  readonly #keys = new Map<string, number>()
  readonly #copies = new Map<Slot, () => void>()
  #running: Promise<void> | undefined
  #isClosing = false

  constructor(options: ParkedAcksOptions) {
    this.#options = options
  }

  /** How many are on their way. */
  get size(): number {
    return this.#queue.length
  }

  /** Undefined where there is nothing to wait for. */
  ack(slots: readonly Slot[]): Promise<void> | undefined {
    const waits: Promise<void>[] = []
    let hasCopy = false
    for (const slot of slots) {
      const isCopy = slot.read.record.attemptEpoch > 0
      if (!this.#mustWait(slot)) {
        this.#options.partition.ack(slot)
        hasCopy ||= isCopy
        continue
      }
      this.#add(slot)
      if (isCopy) waits.push(new Promise((resolve) => this.#copies.set(slot, resolve)))
    }
    if (hasCopy) waits.push(this.#untilSaved())
    if (this.#queue.length > 0) this.#running ??= this.#run()
    return waits.length === 0 ? undefined : this.#all(waits)
  }

  /** Resolves once all have gone through, or one has failed since. */
  async close(): Promise<void> {
    this.#isClosing = true
    await this.#running
  }

  #mustWait(slot: Slot): boolean {
    const { isDoubtful, partition } = this.#options
    const { key } = slot.read.record
    if (key !== undefined && this.#keys.has(key)) return true
    // Done with as far as its topic is concerned, and not acked: it is parked, whatever of its log is read just now.
    return isDoubtful(slot) || partition.isDone(slot.offset)
  }

  #add(slot: Slot): void {
    const { key } = slot.read.record
    this.#queue.push(slot)
    if (key !== undefined) this.#keys.set(key, (this.#keys.get(key) ?? 0) + 1)
  }

  async #run(): Promise<void> {
    const { after, isOver, failed, pause } = this.#options
    for (let failures = 0; this.#queue.length > 0 && !isOver(); ) {
      try {
        await after(() => this.#endSome())
        failures = 0
      } catch (error) {
        failures++
        if (this.#isClosing || isOver()) break
        if (failures === 3) failed(error)
        await pause(Math.min(longestPauseMs, 25 * 2 ** failures))
      }
    }
    this.#running = undefined
    // Of a partition that is lost the leases say so; where it is given up, whoever waits is told.
    if (isOver() || this.#queue.length === 0) this.#tell([...this.#copies.keys()])
  }

  /** As many as may be done with together. */
  async #endSome(): Promise<void> {
    const { isOver, log, partition, saved, settle, done } = this.#options
    if (isOver()) return
    await settle()
    const run = nextOf(this.#queue, ({ offset }) => log.has(offset))
    const parked = run.filter(({ offset }) => log.has(offset))
    const [first, then] = parked.length === 0 ? [run, []] : inOrder(run, new Set(parked))
    for (const slot of first) partition.ack(slot)
    if (parked.length > 0) {
      // Were one to come again, what came before in its key must not.
      await saved()
      await log.done(parked.map(({ offset }) => offset))
    }
    for (const slot of then) partition.ack(slot)
    if (run.some((slot) => this.#copies.has(slot))) await saved()
    this.#queue.splice(0, run.length)
    for (const { read } of run) this.#forget(read.record.key)
    this.#tell(run)
    done()
  }

  #forget(key: string | undefined): void {
    if (key === undefined) return
    const left = (this.#keys.get(key) ?? 1) - 1
    if (left === 0) this.#keys.delete(key)
    else this.#keys.set(key, left)
  }

  #tell(slots: readonly Slot[]): void {
    for (const slot of slots) {
      this.#copies.get(slot)?.()
      this.#copies.delete(slot)
    }
  }

  async #untilSaved(): Promise<void> {
    const { isOver, failed, pause, saved } = this.#options
    for (let failures = 1; !isOver(); failures++) {
      try {
        return await saved()
      } catch (error) {
        if (failures === 3) failed(error)
        await pause(Math.min(longestPauseMs, 25 * 2 ** failures))
      }
    }
  }

  /** Where the partition is given up without being lost, it is not known whether a copy is done with. */
  async #all(waits: readonly Promise<void>[]): Promise<void> {
    await Promise.all(waits)
    const { isOver, partition } = this.#options
    if (!isOver() || partition.isLost) return
    const text =
      'The consumer is closed, and it is not certain that what it acked last is committed.'
    throw new WalError('ERR_CLOSED', text)
  }
}

/** First what may be done with at once, then what is parked, and what comes after one of those in its key. */
function inOrder(
  run: readonly Slot[],
  parked: ReadonlySet<Slot>,
): readonly [first: readonly Slot[], then: readonly Slot[]] {
  const first: Slot[] = []
  const then: Slot[] = []
  const keys = new Set<string | undefined>()
  for (const slot of run) {
    const { key } = slot.read.record
    const waits = parked.has(slot) || keys.has(key)
    if (waits) keys.add(key)
    ;(waits ? then : first).push(slot)
  }
  return [first, then]
}

/** As many as there are before one that is parked and comes after one that is not, and that after one that is, in its key. */
function nextOf(queue: readonly Slot[], isParked: (slot: Slot) => boolean): readonly Slot[] {
  const parked = new Set<string | undefined>()
  const passed = new Set<string | undefined>()
  for (const [at, slot] of queue.entries()) {
    const { key } = slot.read.record
    const is = isParked(slot)
    if (is && passed.has(key)) return queue.slice(0, at)
    if (is) parked.add(key)
    else if (parked.has(key)) passed.add(key)
  }
  return [...queue]
}
