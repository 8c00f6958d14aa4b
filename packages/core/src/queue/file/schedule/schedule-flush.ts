import type { Clock } from '../../../clock.ts'
import { isWalError, type WalError } from '../../../errors.ts'
import { type MemoryTables, tablesOf } from './memory-tables.ts'
import type { ScheduleMemory } from './schedule-memory.ts'

export interface ScheduleFlushOptions {
  readonly memory: ScheduleMemory
  readonly clock: Clock
  /** About how many records are kept in memory. */
  readonly runRecords: number
  isDone(sequence: number): boolean
  /** Writes a run; calls back when its records are to be had from there, or are done with. */
  addRun(fromMemory: () => Promise<MemoryTables>, onAdded: () => void): Promise<void>
  reportError(error: WalError): void
}

/** With records in memory, so many bytes of log are read again after a crash at the most. */
const longestWayBackBytes = 64 << 20

/** A way back shorter than this is not worth a run when the schedule is closed. */
const shortWayBackBytes = 1 << 20

/** While its disk fails a schedule grows in memory, to so many times what it keeps otherwise. */
const mostInMemory = 16

/** Least time between two tries to write to a disk that fails, in ms. */
const retryAfterMs = 500

/** Moves what is in memory into runs, so that it stays little, and the way back after a crash short. */
export class ScheduleFlush {
  readonly #options: ScheduleFlushOptions
  /** The log is read up to this address. */
  #readTo = 0
  /** The flush under way. */
  #flushing: Promise<void> | undefined
  /** Why the last one failed. */
  #error: WalError | undefined
  /** Monotonic ms before which a failing disk is not tried again. */
  #retryAt = 0
  #closed = false

  constructor(options: ScheduleFlushOptions) {
    this.#options = options
  }

  /** See `Schedule.makeRoom`. */
  async makeRoom(readTo: number): Promise<void> {
    const { memory, runRecords } = this.#options
    this.#readTo = Math.max(this.#readTo, readTo)
    // Nobody waits for the disk until there is a second lot to be written.
    if (memory.freshSize >= runRecords) await this.#flushing
    const isLong = memory.wayBackBytes(this.#readTo) >= longestWayBackBytes
    if (isLong || memory.freshSize >= runRecords) this.#flushSoon()
    if (this.#error && memory.freshSize >= mostInMemory * runRecords) throw this.#error
  }

  /** Waits for what is under way; then, if it `mayWrite`, flushes what is worth it. */
  async close({ mayWrite }: { readonly mayWrite: boolean }): Promise<void> {
    const { memory } = this.#options
    this.#closed = true
    await this.#flushing
    if (!mayWrite) return
    await this.#flush()
    if (memory.frozen || memory.wayBackBytes(this.#readTo) < shortWayBackBytes) return
    memory.freeze()
    await this.#flush()
  }

  #flushSoon(): void {
    const { memory, clock } = this.#options
    if (this.#flushing || this.#closed) return
    if (memory.frozen && clock.monotonic() < this.#retryAt) return
    if (!memory.frozen) memory.freeze()
    this.#flushing = this.#flush().finally(() => {
      this.#flushing = undefined
    })
  }

  /** Writes what is frozen into a run. Never rejects: where the disk fails that is reported once. */
  async #flush(): Promise<void> {
    const { memory, clock, isDone, addRun, reportError } = this.#options
    const { frozen } = memory
    if (!frozen) return
    try {
      await addRun(
        () => tablesOf(frozen, isDone),
        () => memory.dropFrozen(),
      )
      this.#error = undefined
    } catch (error) {
      if (!isWalError(error)) throw error
      if (!this.#error) reportError(error)
      this.#error = error
      this.#retryAt = clock.monotonic() + retryAfterMs
    }
  }
}
