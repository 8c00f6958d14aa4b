import type { Clock, Timer } from '../clock.ts'
import { Heap } from '../heap.ts'

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
 * Every wait of one delivery (backoffs, pauses, linger) behind a single timer.
 *
 * Invariant: a timer is set for the top whenever the heap is not empty, outside of `#ring`.
 */
export class Alarms {
  readonly #clock: Clock
  #heap = newHeap()
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
      this.#heap.push(entry)
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
    this.#heap = newHeap()
    this.#timer?.cancel()
    this.#timer = undefined
    this.#timerAt = Number.POSITIVE_INFINITY
  }

  #arm(): void {
    const top = this.#heap.peek()
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
    for (let top = this.#heap.peek(); top !== undefined; top = this.#heap.peek()) {
      // A timer may fire a fraction of a millisecond early; then it is set again.
      if (top.run !== undefined && top.at > now) break
      this.#heap.pop()
      top.run?.()
    }
    this.#arm()
  }
}

function newHeap(): Heap<Entry> {
  return new Heap((a, b) => a.at < b.at)
}
