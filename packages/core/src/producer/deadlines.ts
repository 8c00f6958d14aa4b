import type { Clock, Timer } from '../clock.ts'

/** A write that waits for its answer, until its deadline. */
export interface Deadline {
  readonly at: number
  done: boolean
  readonly expire: () => void
}

/**
 * Deadlines of writes that all have the same time-out, and so expire in the order in which they
 * began: a line and one timer, since a timer per write would cost more than the write.
 *
 * Invariant: the line's head, if any, is not done; the timer is set whenever the line is not empty.
 */
export class Deadlines {
  readonly #clock: Clock
  readonly #timeoutMs: number
  #line: (Deadline | undefined)[] = []
  #head = 0
  #timer: Timer | undefined

  constructor(clock: Clock, timeoutMs: number) {
    this.#clock = clock
    this.#timeoutMs = timeoutMs
  }

  add(expire: () => void): Deadline {
    const deadline = { at: this.#clock.monotonic() + this.#timeoutMs, done: false, expire }
    this.#line.push(deadline)
    if (this.#timer === undefined) this.#arm(this.#timeoutMs)
    return deadline
  }

  /** The answer came in time. */
  finish(deadline: Deadline): void {
    deadline.done = true
    this.#dropFinished()
  }

  #dropFinished(): void {
    while (this.#head < this.#line.length && this.#line[this.#head]?.done === true) {
      this.#line[this.#head++] = undefined
    }
    if (this.#head === this.#line.length) this.#clear()
    else if (this.#head > 1024 && this.#head * 2 > this.#line.length) this.#compact()
  }

  #clear(): void {
    this.#line.length = 0
    this.#head = 0
  }

  #compact(): void {
    this.#line = this.#line.slice(this.#head)
    this.#head = 0
  }

  #arm(delayMs: number): void {
    this.#timer = this.#clock.setTimer(delayMs, () => this.#expireDue(), { unref: true })
  }

  #expireDue(): void {
    this.#timer = undefined
    const now = this.#clock.monotonic()
    for (;;) {
      this.#dropFinished()
      const head = this.#line[this.#head]
      if (head === undefined) return
      if (head.at > now) {
        this.#arm(head.at - now)
        return
      }
      head.done = true
      head.expire()
    }
  }
}
