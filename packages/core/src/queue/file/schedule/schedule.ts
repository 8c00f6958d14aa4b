import type { Clock } from '../../../clock.ts'
import { isWalError, type WalError } from '../../../errors.ts'
import { DelayedHeap, type DelayedItem } from '../delayed-heap.ts'
import { tablesOf } from './memory-tables.ts'
import { rowNumbers } from './run-format.ts'
import type { RunPlace, RunQueue } from './run-queue.ts'
import { ScheduleRuns, type ScheduleRunsOptions } from './schedule-runs.ts'

export interface ScheduleOptions extends Omit<ScheduleRunsOptions, 'exclusively'> {
  readonly clock: Clock
  /**
   * The runs cannot be used, and were given up: whatever is not done with, and not in memory, must
   * be read from the log again.
   */
  onDropped(): void
}

/** With entries in memory, so many bytes of log are read again after a crash at the most. */
const longestWayBackBytes = 64 << 20

/** A way back shorter than this is not worth a run when the schedule is closed. */
const shortWayBackBytes = 1 << 20

/** While its disk fails the schedule grows in memory, to so many times what it keeps otherwise. */
const mostInMemory = 16

/** Least time between two tries to write to a disk that fails, in ms. */
const retryAfterMs = 500

/**
 * One target's records that wait for their time, the soonest first; those of one instant in the
 * order of the log. A bounded number is in memory, the rest in *runs*, files in which they lie
 * sorted; what is in a run need not be read in the log again after a restart.
 *
 *   pushed ──▶ fresh ──▶ frozen ──▶ run ──▶ merged into larger runs
 *                └──────────┴────────┴──── taken ──settle──▶ done with
 *                                           └──put back──▶ taken again
 *
 * The cursor says what is done with: such records are passed over, wherever they are met.
 */
export class Schedule {
  readonly #options: ScheduleOptions
  readonly #runs: ScheduleRuns
  /** Records that come in. */
  #fresh = new DelayedHeap()
  /** Those that are being written into a run. */
  #frozen: DelayedHeap | undefined
  /** Those that were taken and put back. */
  readonly #front = new DelayedHeap()
  /** Taken, or put back, and not done with; for those from a run, where they were in it. */
  readonly #taken = new Map<number, RunPlace | undefined>()
  /** The address of the first record in `#fresh`. */
  #freshFrom = Number.POSITIVE_INFINITY
  #readTo = 0
  #flushing: Promise<void> | undefined
  #flushError: WalError | undefined
  /** Monotonic ms before which a failing disk is not tried again. */
  #retryAt = 0
  /** Settles once everything begun so far that must be alone is over. */
  #last: Promise<unknown> = Promise.resolve()
  #closed = false

  private constructor(options: ScheduleOptions) {
    this.#options = options
    const exclusively = <T>(run: () => Promise<T>): Promise<T> => this.#exclusively(run)
    this.#runs = new ScheduleRuns({ ...options, exclusively })
  }

  /** Opens what the cursor names. Where that cannot be used it begins with nothing, and says so. */
  static async open(options: ScheduleOptions): Promise<Schedule> {
    const schedule = new Schedule(options)
    try {
      await schedule.#runs.open()
    } catch (error) {
      if (!isDamage(error)) throw error
      await schedule.#runs.drop()
      options.reportError(error)
    }
    return schedule
  }

  /** How many records are in memory. */
  get inMemory(): number {
    return this.#fresh.size + (this.#frozen?.size ?? 0) + this.#front.size
  }

  /** When the next record may be due: none is due before. Infinity if none waits. */
  get nextAt(): number {
    let at = Math.min(this.#fresh.nextAt, this.#front.nextAt, this.#frozen?.nextAt ?? infinity)
    for (const { nextAt } of this.#runs.queues) at = Math.min(at, nextAt)
    return at
  }

  push(item: DelayedItem): void {
    this.#fresh.push(item)
    this.#freshFrom = Math.min(this.#freshFrom, item.address)
  }

  /**
   * To be called now and then by whoever pushes, with the address the log is read up to: sees to it
   * that memory and the way back after a crash stay bounded. Rejects with the disk's error once too
   * much is in memory because the disk fails.
   */
  async makeRoom(readTo: number): Promise<void> {
    this.#readTo = readTo
    // Nobody waits for the disk until there is a second lot to be written.
    if (this.#isFull) await this.#flushing
    const isLong = this.#fresh.size > 0 && readTo - this.#freshFrom >= longestWayBackBytes
    if (this.#isFull || isLong) this.#flushSoon()
    const isTooMuch = this.#fresh.size >= mostInMemory * this.#options.runRecords
    if (isTooMuch && this.#flushError) throw this.#flushError
  }

  /**
   * Takes the records due at an instant or before, up to so many, in their order. Each must be
   * put back or settled. Rejects with the disk's error, and nothing is taken then.
   */
  take(due: number, most: number): Promise<readonly DelayedItem[]> {
    return this.#exclusively(async () => {
      const items: DelayedItem[] = []
      try {
        await this.#takeInto(items, due, most)
        await this.#runs.removeDone()
      } catch (error) {
        this.putBack(items)
        await this.#dropIfDamaged(error)
        return []
      }
      return items
    })
  }

  putBack(items: readonly DelayedItem[]): void {
    for (const item of items) this.#front.push(item)
  }

  /** A record that was taken is done with. The cursor must know. */
  settle(sequence: number): void {
    const place = this.#taken.get(sequence)
    this.#taken.delete(sequence)
    if (place) this.#runs.settle(place)
  }

  /** Tells how many records that were not taken are due after an instant, in the call. */
  countAfter<T>(instant: number, use: (count: number) => T): Promise<T> {
    return this.#exclusively(async () => {
      try {
        const counts = await Promise.all(
          this.#runs.queues.map((one) => this.#counter(one, instant)),
        )
        const inRuns = counts.reduce((sum, count) => sum + count(), 0)
        return use(inRuns + this.#countInMemory(instant))
      } catch (error) {
        await this.#dropIfDamaged(error)
        return use(this.#countInMemory(instant))
      }
    })
  }

  /** Sequences of the records that are in memory, or were taken. */
  *sequencesInMemory(): Generator<number> {
    for (const { order } of this.#items()) yield order
    yield* this.#taken.keys()
  }

  /** How many records in memory pass the test, by due time and sequence. */
  countInMemory(test: (at: number, sequence: number) => boolean): number {
    const isIn = (at: number, sequence: number): boolean =>
      !this.#options.cursor.isDone(sequence) && test(at, sequence)
    const heaps = [this.#fresh, this.#front, ...(this.#frozen ? [this.#frozen] : [])]
    return heaps.reduce((sum, heap) => sum + heap.count(isIn), 0)
  }

  /**
   * Closes the files. Where the directory is still ours, what is in memory goes into a run first, if
   * that shortens the way back.
   */
  async close({ isOwned }: { readonly isOwned: boolean }): Promise<void> {
    if (this.#closed) return
    this.#closed = true
    await this.#flushing
    if (isOwned) await this.#flushLast()
    await this.#runs.close()
  }

  async #flushLast(): Promise<void> {
    await this.#flush()
    const isFar = this.#readTo - this.#freshFrom >= shortWayBackBytes
    if (this.#frozen || this.#fresh.size === 0 || !isFar) return
    this.#freeze()
    await this.#flush()
  }

  get #isFull(): boolean {
    return this.#fresh.size >= this.#options.runRecords
  }

  async #takeInto(items: DelayedItem[], due: number, most: number): Promise<void> {
    while (items.length < most) {
      const source = await this.#soonest(due)
      if (!source) return
      const item = source instanceof DelayedHeap ? this.#pop(source) : this.#advance(source)
      if (item) items.push(item)
    }
  }

  /** Whoever has the record that is due first, if it is due by then. */
  async #soonest(due: number): Promise<DelayedHeap | RunQueue | undefined> {
    let best: DelayedHeap | RunQueue | undefined
    let bestAt = due
    let bestSequence = infinity
    const look = (source: DelayedHeap | RunQueue, at: number, sequence: number): void => {
      if (at > bestAt || (at === bestAt && sequence >= bestSequence)) return
      best = source
      bestAt = at
      bestSequence = sequence
    }
    const { queues } = this.#runs
    for (const heap of [this.#front, this.#fresh, this.#frozen]) {
      if (heap && heap.size > 0) look(heap, heap.nextAt, heap.nextOrder)
    }
    for (const queue of queues) {
      if (queue.isAtEnd || queue.nextAt > bestAt) continue
      if (!queue.isLoaded) await queue.load()
      look(queue, queue.nextAt, queue.nextSequence)
    }
    return best
  }

  #pop(heap: DelayedHeap): DelayedItem | undefined {
    const item = heap.pop()
    if (!item) return undefined
    if (this.#options.cursor.isDone(item.order)) {
      this.settle(item.order)
      return undefined
    }
    if (heap !== this.#front) this.#taken.set(item.order, undefined)
    return item
  }

  /** Goes past a row; undefined if it is done with, or was taken from where it was before. */
  #advance(queue: RunQueue): DelayedItem | undefined {
    const item = {
      at: queue.nextAt,
      order: queue.nextSequence,
      address: queue.nextAddress,
      hash: 0,
    }
    const place = queue.advance()
    if (this.#options.cursor.isDone(item.order)) {
      this.#runs.settle(place)
      return undefined
    }
    const isTaken = this.#taken.has(item.order)
    this.#taken.set(item.order, place)
    return isTaken ? undefined : item
  }

  /** Reads what is needed to count a run's rows after an instant; answers what counts them. */
  async #counter(queue: RunQueue, instant: number): Promise<() => number> {
    const { run } = queue
    const { block, row } = queue.firstAfter(instant)
    const rows = await run.byTime.read(block)
    const from = (row - run.byTime.rowAt(block)) * rowNumbers
    const { cursor } = this.#options
    return () => {
      let count = run.byTime.rows - run.byTime.rowAt(block) - run.byTime.rowsIn(block)
      for (let at = from; at < rows.length; at += rowNumbers) {
        if ((rows[at] as number) > instant && !cursor.isDone(rows[at + 1] as number)) count++
      }
      for (const [each, gone] of cursor.runs.get(run.number)?.gone ?? []) {
        if (each > block) count -= gone
      }
      return count
    }
  }

  #countInMemory(instant: number): number {
    return this.countInMemory((at) => at > instant)
  }

  *#items(): Generator<DelayedItem> {
    yield* this.#fresh.items()
    if (this.#frozen) yield* this.#frozen.items()
    yield* this.#front.items()
  }

  #flushSoon(): void {
    if (this.#flushing || this.#closed) return
    if (this.#frozen && this.#options.clock.monotonic() < this.#retryAt) return
    if (!this.#frozen) this.#freeze()
    this.#flushing = this.#flush().finally(() => {
      this.#flushing = undefined
    })
  }

  #freeze(): void {
    this.#frozen = this.#fresh
    this.#fresh = new DelayedHeap()
    this.#freshFrom = infinity
  }

  /** Writes `#frozen` into a run. Never rejects: where the disk fails that is reported once. */
  async #flush(): Promise<void> {
    const frozen = this.#frozen
    if (!frozen) return
    try {
      const { cursor } = this.#options
      const tables = await tablesOf(frozen, (sequence) => cursor.isDone(sequence))
      const thaw = (): void => {
        this.#frozen = undefined
      }
      if (tables.byTime.length > 0) await this.#runs.add(tables, thaw)
      else thaw()
      this.#flushError = undefined
    } catch (error) {
      if (!isWalError(error)) throw error
      if (!this.#flushError) this.#options.reportError(error)
      this.#flushError = error
      this.#retryAt = this.#options.clock.monotonic() + retryAfterMs
    }
  }

  async #dropIfDamaged(error: unknown): Promise<void> {
    if (!isDamage(error)) throw error
    await this.#runs.drop()
    for (const sequence of this.#taken.keys()) this.#taken.set(sequence, undefined)
    this.#options.reportError(error)
    this.#options.onDropped()
  }

  #exclusively<T>(run: () => Promise<T>): Promise<T> {
    const result = this.#last.then(run)
    this.#last = result.catch(() => {})
    return result
  }
}

const infinity = Number.POSITIVE_INFINITY

/** A run is missing or damaged. It is only an index, so that nothing is lost. */
function isDamage(error: unknown): error is WalError {
  return isWalError(error) && error.code === 'ERR_CORRUPT_LOG'
}
