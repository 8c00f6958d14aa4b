import type { Clock, Timer } from '../clock.ts'

/** Something that waits for its end, until its deadline. */
export interface Deadline {
  /** By the monotonic clock, in ms; set when it is added. */
  deadline: number
  /** Set by whoever brings the end. */
  isDone: boolean
}

/**
 * Deadlines that are all equally far ahead, and so expire in the order in which they were added: a
 * line and one timer, since a timer per write would cost more than the write.
 *
 * Invariant: the line's head, if any, is not done; the timer is set whenever the line is not empty, and
 * keeps the process alive as long as that: somebody waits for an answer.
 */
export class Deadlines<D extends Deadline> {
  readonly #clock: Clock
  readonly #timeoutMs: number
  readonly #expire: (one: D) => void
  #line: (D | undefined)[] = []
  #head = 0
  /** By the wall clock and by the monotonic one, of the same moment: when one was last added. */
  #addedAt: number | undefined
  #addedAtMonotonic = 0
  #timer: Timer | undefined

  /** `expire` is called once for each that is not done by its deadline. */
  constructor(clock: Clock, timeoutMs: number, expire: (one: D) => void) {
    this.#clock = clock
    this.#timeoutMs = timeoutMs
    this.#expire = expire
  }

  /**
   * `now` by the wall clock, in ms, where it was just read: those added in the same millisecond, while none
   * has ended, share one reading of the monotonic clock. Known: where the wall clock is set back, and one is added in that
   * millisecond when it comes again, with none added in another and none ended in between, it has as much less time as passed.
   */
  add(one: D, now?: number): void {
    if (now === undefined || now !== this.#addedAt) {
      this.#addedAt = now
      this.#addedAtMonotonic = this.#clock.monotonic()
    }
    one.deadline = this.#addedAtMonotonic + this.#timeoutMs
    this.#line.push(one)
    if (this.#timer === undefined) this.#arm(this.#timeoutMs)
    else if (this.#line.length === 1) this.#timer.keepAlive?.(true)
  }

  /** Forgets those that are done; to be called whenever some are. */
  dropDone(): void {
    // A wall clock that stands still must not hold this one.
    this.#addedAt = undefined
    while (this.#head < this.#line.length && this.#line[this.#head]?.isDone === true) {
      this.#line[this.#head++] = undefined
    }
    if (this.#head === this.#line.length) this.#clear()
    else if (this.#head > 1024 && this.#head * 2 > this.#line.length) this.#compact()
  }

  #clear(): void {
    this.#line.length = 0
    this.#head = 0
    this.#timer?.keepAlive?.(false)
  }

  #compact(): void {
    this.#line = this.#line.slice(this.#head)
    this.#head = 0
  }

  #arm(delayMs: number): void {
    this.#timer = this.#clock.setTimer(delayMs, () => this.#expireDue())
  }

  #expireDue(): void {
    this.#timer = undefined
    const now = this.#clock.monotonic()
    for (;;) {
      this.dropDone()
      const head = this.#line[this.#head]
      if (head === undefined) return
      if (head.deadline > now) {
        this.#arm(head.deadline - now)
        return
      }
      head.isDone = true
      this.#expire(head)
    }
  }
}
