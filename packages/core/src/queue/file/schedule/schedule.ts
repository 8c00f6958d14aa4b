import type { Clock } from '../../../clock.ts'
import { isWalError } from '../../../errors.ts'
import { DelayedHeap, type DelayedItem } from '../delayed-heap.ts'
import { counterOf } from './count-rows.ts'
import { isDamage } from './run-format.ts'
import type { RunPlace, RunQueue } from './run-queue.ts'
import { ScheduleFlush } from './schedule-flush.ts'
import { ScheduleMemory } from './schedule-memory.ts'
import { type GoneRecord, ScheduleRuns, type ScheduleRunsOptions } from './schedule-runs.ts'

export interface ScheduleOptions extends Omit<ScheduleRunsOptions, 'exclusively' | 'damaged'> {
  readonly clock: Clock
  /**
   * The runs cannot be used, and were given up: whatever is not done with, and not in memory, must
   * be read from the log again.
   */
  onDropped(): void
}

/** A record that is not done with, and where it is in the log. */
export interface FoundRecord {
  readonly sequence: number
  readonly address: number
}

/** A record that was taken, and where it was if that was in a run: nothing says its hash then. */
interface TakenRecord extends Omit<DelayedItem, 'order'> {
  readonly place?: RunPlace
}

/**
 * One target's records that wait for their time, the soonest first; those of one instant in the
 * order of the log. A bounded number is in memory, the rest in *runs*, files in which they lie
 * sorted; what is in a run need not be read in the log again after a restart.
 *
 *   pushed ──▶ in memory ──▶ in a run ──▶ merged into larger runs
 *                  └────────────┴──▶ taken ──settle──▶ done with
 *                                      └──put back──▶ taken again
 *
 * The cursor says what is done with: such records are passed over, wherever they are met.
 */
export class Schedule {
  readonly #options: ScheduleOptions
  readonly #runs: ScheduleRuns
  readonly #memory = new ScheduleMemory()
  readonly #flush: ScheduleFlush
  /** Taken, or put back, and not done with. */
  readonly #taken = new Map<number, TakenRecord>()
  /** Not to be taken for now; those that were met meanwhile, and when they are due. */
  readonly #held = new Map<number, DelayedItem | undefined>()
  /** Settles once everything begun so far that must be alone is over. */
  #last: Promise<unknown> = Promise.resolve()
  #closed = false

  private constructor(options: ScheduleOptions) {
    this.#options = options
    const exclusively = <T>(run: () => Promise<T>): Promise<T> => this.#exclusively(run)
    const damaged = (error: unknown): Promise<void> => this.#dropIfDamaged(error)
    this.#runs = new ScheduleRuns({ ...options, exclusively, damaged })
    this.#flush = new ScheduleFlush({
      ...options,
      memory: this.#memory,
      isDone: (sequence) => options.cursor.isDone(sequence),
      addRun: (fromMemory, onAdded) => this.#runs.add(fromMemory, onAdded),
    })
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
    return this.#memory.size
  }

  /** When the next record may be due: none is due before. Infinity if none waits. */
  get nextAt(): number {
    let at = this.#memory.nextAt
    for (const { nextAt } of this.#runs.queues) at = Math.min(at, nextAt)
    return at
  }

  push(item: DelayedItem): void {
    this.#memory.push(item)
  }

  /**
   * To be called now and then by whoever pushes, with the address the log is read up to: sees to it
   * that memory and the way back after a crash stay bounded. Rejects with the disk's error once too
   * much is in memory because the disk fails.
   */
  makeRoom(readTo: number): Promise<void> {
    return this.#flush.makeRoom(readTo)
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
    this.#memory.putBack(items)
  }

  /** A record that was taken is done with. The cursor must know. */
  settle(sequence: number): void {
    const place = this.#taken.get(sequence)?.place
    this.#taken.delete(sequence)
    if (place) this.#runs.settle(place)
  }

  /** Tells how many records that were not taken are due after an instant, in the call. */
  countAfter<T>(instant: number, use: (count: number) => T): Promise<T> {
    return this.#exclusively(async () => {
      try {
        const counts = await Promise.all(
          this.#runs.queues.map((one) => counterOf(one, instant, this.#options.cursor)),
        )
        const inRuns = counts.reduce((sum, count) => sum + count(), 0)
        return use(inRuns + this.#countInMemory(instant))
      } catch (error) {
        await this.#dropIfDamaged(error)
        return use(this.#countInMemory(instant))
      }
    })
  }

  /**
   * The records with this hash of their id that are not done with, also those that were taken. Two
   * ids may have the same, and one whose hash is not known is found whatever that is. Where the
   * schedule was dropped meanwhile, there may be more once the log was read again.
   */
  find(hash: number): Promise<readonly FoundRecord[]> {
    return this.#exclusively(async () => {
      const { cursor } = this.#options
      const found = new Map<number, FoundRecord>()
      const add = (sequence: number, address: number): void => {
        if (!cursor.isDone(sequence)) found.set(sequence, { sequence, address })
      }
      for (const item of this.#memory.items()) {
        if (item.hash === hash || item.hash === 0) add(item.order, item.address)
      }
      for (const [order, item] of this.#taken) {
        if (item.hash === hash || (item.hash === 0 && !item.place)) add(order, item.address)
      }
      try {
        for (const { run } of this.#runs.queues) await run.byId.find(hash, add)
      } catch (error) {
        await this.#dropIfDamaged(error)
      }
      return [...found.values()]
    })
  }

  /** True for one that somebody has taken, and neither put back nor settled. */
  isTaken(sequence: number): boolean {
    return this.#taken.has(sequence) && !this.#memory.isPutBack(sequence)
  }

  /** Keeps a record from being taken. False if it is too late for that. */
  hold(sequence: number): boolean {
    if (!this.#isWaiting(sequence) || this.#held.has(sequence)) return false
    this.#held.set(sequence, undefined)
    return true
  }

  /** A record that was held may be taken. */
  letGo(sequence: number): void {
    const item = this.#held.get(sequence)
    this.#held.delete(sequence)
    if (item) this.putBack([item])
  }

  /**
   * A record that was held is done with; the cursor is told, and in the same moment whoever is to be
   * called. Never rejects.
   */
  withdraw(record: GoneRecord, onDone: () => void = () => {}): Promise<void> {
    const { sequence } = record
    return this.#exclusively(async () => {
      const { cursor } = this.#options
      try {
        if (this.#taken.has(sequence)) cursor.ack(sequence)
        else await this.#runs.gone(record)
      } catch (error) {
        // In a run that cannot be read it would be counted for as long as that is there.
        if (!this.#closed) await this.#drop(error)
        cursor.ack(sequence)
      }
      this.#held.delete(sequence)
      this.settle(sequence)
      onDone()
    })
  }

  /** The records that are in memory, or were taken, and are not done with; some twice. */
  *kept(): Generator<Pick<DelayedItem, 'at' | 'order'>> {
    const { cursor } = this.#options
    for (const item of this.#memory.items()) if (!cursor.isDone(item.order)) yield item
    for (const [order, { at }] of this.#taken) yield { order, at }
  }

  /**
   * Closes the files. Where the directory is still ours, what is in memory goes into a run first, if
   * that shortens the way back.
   */
  async close({ isOwned }: { readonly isOwned: boolean }): Promise<void> {
    if (this.#closed) return
    this.#closed = true
    await this.#flush.close({ mayWrite: isOwned })
    await this.#last
    await this.#runs.close()
  }

  async #takeInto(items: DelayedItem[], due: number, most: number): Promise<void> {
    while (items.length < most) {
      const source = await this.#soonest(due)
      if (!source) return
      const item = source instanceof DelayedHeap ? this.#pop(source) : this.#advance(source)
      if (item) items.push(item)
    }
  }

  #isWaiting(sequence: number): boolean {
    return !this.#options.cursor.isDone(sequence) && !this.isTaken(sequence)
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
    for (const heap of this.#memory.heaps) {
      if (heap.size > 0) look(heap, heap.nextAt, heap.nextOrder)
    }
    for (const queue of queues) {
      if (queue.isAtEnd || queue.nextAt > bestAt) continue
      if (!queue.isLoaded) await queue.load()
      look(queue, queue.nextAt, queue.nextSequence)
    }
    return best
  }

  /** The next of a heap; undefined if it is not to be taken. */
  #pop(heap: DelayedHeap): DelayedItem | undefined {
    const item = heap.pop()
    if (!item) return undefined
    if (this.#options.cursor.isDone(item.order)) {
      this.settle(item.order)
      return undefined
    }
    if (!this.#memory.isFront(heap)) this.#taken.set(item.order, item)
    return this.#unlessHeld(item)
  }

  /** Goes past a row; undefined if it is not to be taken, or was, from where it was before. */
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
    this.#taken.set(item.order, { ...item, place })
    return isTaken ? undefined : this.#unlessHeld(item)
  }

  #unlessHeld(item: DelayedItem): DelayedItem | undefined {
    if (!this.#held.has(item.order)) return item
    this.#held.set(item.order, item)
    return undefined
  }

  #countInMemory(instant: number): number {
    const { cursor } = this.#options
    return this.#memory.count((at, sequence) => at > instant && !cursor.isDone(sequence))
  }

  async #dropIfDamaged(error: unknown): Promise<void> {
    if (!isDamage(error)) throw error
    await this.#drop(error)
  }

  async #drop(error: unknown): Promise<void> {
    if (!isWalError(error)) throw error
    await this.#runs.drop()
    for (const [order, { place: _, ...item }] of this.#taken) this.#taken.set(order, item)
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
