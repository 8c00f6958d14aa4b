import type { Clock, Timer } from '../../clock.ts'
import type { AttemptState } from '../../consumer/consumer.ts'
import { isWalError, type WalError } from '../../errors.ts'
import type { AckedSequences } from './cursor-acked.ts'
import { PendingChanges, readChanges } from './cursor-changes.ts'
import { cannotSave, fellBack } from './cursor-errors.ts'
import type { CursorOptions } from './cursor-options.ts'
import type { KnownRun, ScheduleChanges } from './cursor-schedule.ts'
import { CursorState } from './cursor-state.ts'
import { Journal } from './journal.ts'

/** Longest time until what was written is synced, in ms. */
const syncAfterMs = 1000

/** Least time between two tries to write to a disk that fails, in ms. */
const retryAfterMs = 500

const defaultSlackBytes = 4 << 20

/**
 * One target's progress through the log, kept in a journal: the sequences that are done with, what
 * has been tried for others, and which attempts are under way.
 *
 * Changes take effect in memory at once and are written in the background, all that came up
 * meanwhile in one write: they survive the death of the process some 5 ms later, and a power cut
 * about a second later. What is forgotten is delivered again, so a cursor may always be behind,
 * and a damaged one falls back to what it said before the damage. It must never be ahead: only
 * sequences that were read from the log, and are durable there, may be acked.
 *
 * While its disk fails it goes on in memory, says so once, and tries again about once a second.
 */
export class Cursor {
  readonly target: string
  readonly #clock: Clock
  readonly #reportError: (error: WalError) => void
  readonly #journal: Journal
  readonly #state: CursorState
  readonly #pending = new PendingChanges()
  /** Pending too, and before those: the file is being written anew with them, or could not be. */
  #held: Buffer[] = []
  /** The write that will take what is pending; undefined if none is asked for. */
  #writing: Promise<void> | undefined
  #mending: Promise<void> | undefined
  /** True from a failure until the file is sound again, so that one outage is reported once. */
  #failing = false
  /** Monotonic ms before which a failing disk is not tried again. */
  #retryAt = 0
  #syncTimer: Timer | undefined
  readonly #slackBytes: number
  #rewriteAtBytes: number
  /** Everything up to this one would count as done with after a power cut now. */
  #lastingThrough: number
  #onLasting: () => void = () => {}
  #closed = false

  private constructor(options: CursorOptions, journal: Journal, state: CursorState) {
    this.target = options.target
    this.#clock = options.clock
    this.#reportError = (error) => options.reportError(error)
    this.#journal = journal
    this.#state = state
    // What a journal holds when it is opened is synced.
    this.#lastingThrough = state.done.through
    this.#slackBytes = options.slackBytes ?? defaultSlackBytes
    this.#rewriteAtBytes = 2 * journal.bytes + this.#slackBytes
  }

  /**
   * Opens the cursor, or makes one that has seen nothing. Attempts that were under way when the
   * process died are counted, and that is lasting before this resolves; on a full disk it is kept
   * in memory until there is room.
   */
  static async open(options: CursorOptions): Promise<Cursor> {
    const state = new CursorState()
    const { journal, damage } = await Journal.open({
      ...options,
      kind: 'curs',
      damage: 'cut',
      replay: (body) => readChanges(body, state),
    })
    const cursor = new Cursor(options, journal, state)
    if (damage) options.reportError(fellBack(options.target, state.done.through, damage))
    try {
      if (state.interrupt(options.target) > 0 || damage) await cursor.#rewrite()
    } catch (error) {
      if (!isWalError(error) || error.code !== 'ERR_DISK_FULL') {
        await journal.close()
        throw error
      }
      for (const [sequence, tried] of state.tried) cursor.#pending.attempts(sequence, tried)
      cursor.#goOnInMemory(error)
    }
    return cursor
  }

  /** All sequences up to this one are done with. */
  get through(): number {
    return this.#state.done.through
  }

  /** The same, as it would be found after a power cut now: somewhat behind, or equal. */
  get lastingThrough(): number {
    return this.#lastingThrough
  }

  /** Calls back whenever `lastingThrough` has grown. One listener only. */
  onLasting(listener: () => void): void {
    this.#onLasting = listener
  }

  /** The highest sequence that was read from the log: proof that it was durable. 0 if none. */
  get highest(): number {
    return this.#state.passed.highest
  }

  isDone(sequence: number): boolean {
    return this.#state.done.has(sequence)
  }

  /** A copy of the sequences that are done with. */
  done(): AckedSequences {
    return this.#state.done.copy()
  }

  /** A copy of those that need not be read in the log: done with, or in a run of the schedule. */
  passed(): AckedSequences {
    return this.#state.passed.copy()
  }

  /** The runs of the schedule, by number. */
  get runs(): ReadonlyMap<number, KnownRun> {
    return this.#state.runs
  }

  /** A number that no run has had. */
  get nextRunNumber(): number {
    return this.#state.nextNumber
  }

  /** How many sequences up to this one are not done with. */
  countMissing(upTo: number): number {
    return this.#state.done.countMissing(upTo)
  }

  /** What has been tried for a record; undefined if nothing. */
  attemptsOf(sequence: number): AttemptState | undefined {
    return this.#state.tried.size === 0 ? undefined : this.#state.tried.get(sequence)
  }

  /** The sequence is done with. Call `write` once a batch of them has been noted. */
  ack(sequence: number): void {
    const { done, tried, underWay } = this.#state
    if (!done.add(sequence)) return
    this.#state.passed.add(sequence)
    if (tried.size > 0) tried.delete(sequence)
    if (underWay.size > 0) underWay.delete(sequence)
    this.#pending.acked(sequence)
  }

  /** All sequences up to this one are done with, or can no longer be had. */
  skipTo(sequence: number): void {
    if (sequence <= this.through) return
    this.#state.acked([1, sequence])
    this.#pending.ackedRange([1, sequence])
  }

  /**
   * Notes changes of the schedule. Those noted in one go, and acks before them, come to the disk
   * together: either all of them survive a crash or none. Call `write` or `sync` then.
   */
  reschedule(change: (changes: ScheduleChanges) => void): void {
    change(this.#state)
    change(this.#pending)
  }

  /** An attempt is about to begin; `at` in ms since the Unix epoch. */
  begin(sequence: number, at: number): void {
    if (this.isDone(sequence)) return
    this.#state.underWay.set(sequence, at)
    this.#pending.begun(sequence, at)
  }

  /** True from `begin` on, until the sequence is acked, or its attempts are saved. */
  isUnderWay(sequence: number): boolean {
    return this.#state.underWay.has(sequence)
  }

  /** The attempt that was noted has not begun. */
  takeBack(sequence: number): void {
    if (!this.#state.underWay.delete(sequence)) return
    this.#pending.attempts(sequence, this.#state.tried.get(sequence))
  }

  /** Remembers what has been tried; no attempt is under way any more. */
  save(sequence: number, attempts: AttemptState): void {
    if (this.isDone(sequence)) return
    const tried = attempts.spent > 0 || attempts.notBefore > 0 || attempts.history.length > 0
    const state = tried ? attempts : undefined
    this.#state.attempts(sequence, state)
    this.#pending.attempts(sequence, state)
  }

  /** No attempt is under way any more, and none of those that were has spent anything. */
  endAll(): void {
    for (const sequence of [...this.#state.underWay.keys()]) this.takeBack(sequence)
  }

  /**
   * Has the changes so far written, so that they survive the process. Never rejects: where the
   * disk fails that is reported, and the changes are kept in memory for the next try.
   */
  write(): Promise<void> {
    if (this.#closed) return Promise.resolve()
    if (this.#journal.broken) return this.#mend()
    if (this.#pending.empty && this.#held.length === 0) return this.#writing ?? Promise.resolve()
    this.#writing ??= this.#append()
    return this.#writing
  }

  /**
   * Has the changes so far synced, so that they survive a power cut. Never rejects: answers false
   * where the disk fails, or it is closed.
   */
  async sync(): Promise<boolean> {
    this.#syncTimer?.cancel()
    this.#syncTimer = undefined
    const { through } = this
    await this.write()
    if (this.#closed || this.#journal.broken) return false
    try {
      await this.#journal.sync()
      this.#hasLasted(through)
    } catch {
      await this.#mend()
    }
    return !this.#closed && !this.#journal.broken
  }

  /** Syncs and closes. A second call does nothing more. */
  async close(): Promise<void> {
    if (this.#closed) return
    // Twice: the first may have met the end of a try to write it anew that had begun before.
    for (let tries = 0; tries < 2; tries++) {
      this.#retryAt = 0
      if (await this.sync()) break
    }
    await this.#mending
    this.#syncTimer?.cancel()
    this.#closed = true
    await this.#journal.close().catch((error: WalError) => this.#reportError(error))
  }

  /** Lets go of the file and writes nothing more to it, for it has another owner now. */
  async abandon(): Promise<void> {
    this.#syncTimer?.cancel()
    this.#closed = true
    await this.#journal.abandon()
  }

  async #append(): Promise<void> {
    try {
      await this.#journal.append(() => {
        this.#writing = undefined
        if (!this.#pending.empty) this.#held.push(this.#pending.take())
        return this.#held.splice(0)
      })
      this.#failing = false
      this.#syncSoon()
      if (this.#journal.bytes > this.#rewriteAtBytes) void this.#mend()
    } catch {
      await this.#mend()
    }
  }

  /** Writes the file anew from memory; while that fails, at most once in `retryAfterMs`. */
  async #mend(): Promise<void> {
    if (this.#closed || (this.#failing && this.#clock.monotonic() < this.#retryAt)) return
    this.#mending ??= this.#rewrite()
      .then(() => {
        this.#failing = false
      })
      .catch((error: WalError) => {
        if (!this.#closed) this.#goOnInMemory(error)
      })
      .finally(() => {
        this.#mending = undefined
      })
    await this.#mending
    // What came up after the contents were taken.
    if (!this.#failing) await this.write()
  }

  #goOnInMemory(error: WalError): void {
    if (!this.#failing) this.#reportError(cannotSave(this.target, error))
    this.#failing = true
    this.#retryAt = this.#clock.monotonic() + retryAfterMs
    this.#syncSoon()
  }

  async #rewrite(): Promise<void> {
    const { through } = this
    try {
      await this.#journal.rewrite({
        contents: () => this.#contents(),
        moved: () => {
          this.#held = []
        },
      })
      this.#hasLasted(through)
      this.#rewriteAtBytes = 2 * this.#journal.bytes + this.#slackBytes
    } catch (error) {
      this.#rewriteAtBytes = this.#journal.bytes + this.#slackBytes
      throw error
    }
  }

  #hasLasted(through: number): void {
    if (through <= this.#lastingThrough) return
    this.#lastingThrough = through
    this.#onLasting()
  }

  /**
   * What is pending is in the contents already, and must not be told twice. A sound file needs it
   * still, should this fail.
   */
  #contents(): readonly Uint8Array[] {
    if (!this.#pending.empty) this.#held.push(this.#pending.take())
    return [...this.#state.contents()]
  }

  #syncSoon(): void {
    this.#syncTimer ??= this.#clock.setTimer(
      syncAfterMs,
      () => {
        this.#syncTimer = undefined
        void this.sync()
      },
      { unref: true },
    )
  }
}
