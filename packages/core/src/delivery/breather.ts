import { setImmediate } from 'node:timers/promises'
import type { Clock } from '../clock.ts'

/** Longest time one delivery keeps the event loop to itself, in ms. */
const longestBreathMs = 10

/**
 * Lets timers and sockets have their turn. A queue in memory and a target that answers at once
 * would otherwise go on from promise to promise, and nothing else in the process would run.
 */
export class Breather {
  readonly #clock: Clock
  #lastAt: number

  constructor(clock: Clock) {
    this.#clock = clock
    this.#lastAt = clock.monotonic()
  }

  /** Undefined if it is too early to stop for breath, which is nearly always. */
  breathe(): Promise<void> | undefined {
    if (this.#clock.monotonic() - this.#lastAt < longestBreathMs) return undefined
    return setImmediate().then(() => {
      this.#lastAt = this.#clock.monotonic()
    })
  }
}
