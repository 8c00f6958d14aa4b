import type { Clock, Timer } from '../clock.ts'

/** Something to be done at an instant; made by {@link Alarms}. */
export interface Alarm {
  /** Harmless once it has rung. */
  cancel(): void
}

interface Entry {
  /** Monotonic ms. */
  readonly at: number
  /** Undefined once cancelled; the entry then waits at its place until it comes to the top. */
  run: (() => void) | undefined
}

/**
 * Every wait of one delivery (backoffs, pauses, linger) behind a single timer: a binary heap by
 * instant.
 *
 * Invariant: no entry is due before its parent, which stands at `(index - 1) >> 1`; a timer is set
 * for the top whenever the heap is not empty, outside of `#ring`.
 */
export class Alarms {
  readonly #clock: Clock
  readonly #heap: Entry[] = []
  #timer: Timer | undefined
  #timerAt = Number.POSITIVE_INFINITY
  #closed = false

  constructor(clock: Clock) {
    this.#clock = clock
  }

  /** Calls `run` once, `delayMs` from now. */
  set(delayMs: number, run: () => void): Alarm {
    const entry: Entry = { at: this.#clock.monotonic() + Math.max(0, delayMs), run }
    if (!this.#closed) {
      this.#push(entry)
      this.#arm()
    }
    return {
      cancel: () => {
        entry.run = undefined
      },
    }
  }

  /** Nothing rings any more, nor can anything be set. */
  close(): void {
    this.#closed = true
    this.#heap.length = 0
    this.#timer?.cancel()
    this.#timer = undefined
    this.#timerAt = Number.POSITIVE_INFINITY
  }

  #arm(): void {
    const top = this.#heap[0]
    if (top === undefined || top.at >= this.#timerAt) return
    this.#timer?.cancel()
    this.#timerAt = top.at
    const delayMs = Math.ceil(top.at - this.#clock.monotonic())
    this.#timer = this.#clock.setTimer(delayMs, () => this.#ring())
  }

  #ring(): void {
    this.#timer = undefined
    this.#timerAt = Number.POSITIVE_INFINITY
    const now = this.#clock.monotonic()
    for (let top = this.#heap[0]; top !== undefined; top = this.#heap[0]) {
      // A timer may fire a fraction of a millisecond early; then it is set again.
      if (top.run !== undefined && top.at > now) break
      this.#pop()
      top.run?.()
    }
    this.#arm()
  }

  #push(entry: Entry): void {
    let at = this.#heap.push(entry) - 1
    while (at > 0) {
      const parent = (at - 1) >> 1
      if (!this.#swapIfBefore(at, parent)) return
      at = parent
    }
  }

  #pop(): void {
    const last = this.#heap.pop()
    if (last === undefined || this.#heap.length === 0) return
    this.#heap[0] = last
    let at = 0
    for (;;) {
      const left = 2 * at + 1
      const least = this.#isBefore(left + 1, left) ? left + 1 : left
      if (!this.#swapIfBefore(least, at)) return
      at = least
    }
  }

  #swapIfBefore(at: number, other: number): boolean {
    if (!this.#isBefore(at, other)) return false
    const entry = this.#heap[at] as Entry
    this.#heap[at] = this.#heap[other] as Entry
    this.#heap[other] = entry
    return true
  }

  #isBefore(at: number, other: number): boolean {
    const entry = this.#heap[at]
    return entry !== undefined && entry.at < (this.#heap[other] as Entry).at
  }
}
