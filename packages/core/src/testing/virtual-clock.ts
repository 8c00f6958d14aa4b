import { setImmediate } from 'node:timers/promises'
import type { Clock, Timer } from '../clock.ts'

interface VirtualTimer {
  readonly at: number
  readonly run: () => void
}

/** What {@link VirtualClock} can start from. */
export interface VirtualClockOptions {
  /** Wall-clock time at the start, in ms since the Unix epoch. Default 2024-01-01T00:00:00Z. */
  readonly now?: number | undefined
}

/** How far {@link VirtualClock.runUntil} goes. */
export interface RunUntilOptions {
  /** Longest virtual time to pass meanwhile, in ms. Default a day. */
  readonly withinMs?: number | undefined
}

/** Turns of the event loop in which promises come to rest; each lets every microtask run. */
const turnsToSettle = 4

/**
 * A clock that a test moves by hand. Timers run in the order in which they are due, those due at
 * one instant in the order in which they were set; between any two of them, promises settle.
 */
export class VirtualClock implements Clock {
  #monotonic = 0
  /** What `now()` is ahead of `monotonic()`. */
  #wallOffset: number
  readonly #timers: VirtualTimer[] = []

  constructor({ now = Date.UTC(2024, 0, 1) }: VirtualClockOptions = {}) {
    this.#wallOffset = now
  }

  now(): number {
    return this.#wallOffset + this.#monotonic
  }

  monotonic(): number {
    return this.#monotonic
  }

  setTimer(delayMs: number, run: () => void): Timer {
    const timer = { at: this.#monotonic + Math.max(0, delayMs), run }
    const after = this.#timers.findIndex(({ at }) => at > timer.at)
    this.#timers.splice(after === -1 ? this.#timers.length : after, 0, timer)
    return {
      cancel: () => {
        const index = this.#timers.indexOf(timer)
        if (index !== -1) this.#timers.splice(index, 1)
      },
    }
  }

  /** Timers set and not yet run or cancelled. */
  get pendingTimers(): number {
    return this.#timers.length
  }

  /** Moves the wall clock alone, as an operator or NTP does. */
  stepWallClock(byMs: number): void {
    this.#wallOffset += byMs
  }

  /** Lets everything run that waits for promises only, also what yields to the event loop meanwhile. */
  async settle(): Promise<void> {
    for (let turn = 0; turn < turnsToSettle; turn++) await setImmediate()
  }

  /** Lets `byMs` pass, running every timer that comes due on the way. */
  async advance(byMs: number): Promise<void> {
    const end = this.#monotonic + byMs
    await this.settle()
    while (this.#runNext(end)) await this.settle()
    this.#monotonic = end
    await this.settle()
  }

  /**
   * Moves from timer to timer until the promise settles, and resolves or rejects with it. Rejects
   * if no timer is left or the time is up, and the promise is still pending.
   */
  async runUntil<T>(
    promise: Promise<T>,
    { withinMs = 86_400_000 }: RunUntilOptions = {},
  ): Promise<T> {
    const end = this.#monotonic + withinMs
    let settled = false
    const done = (): void => {
      settled = true
    }
    promise.then(done, done)
    await this.settle()
    while (!settled && this.#runNext(end)) await this.settle()
    if (!settled) {
      const why = this.#timers.length === 0 ? 'no timer is left' : `${withinMs} ms have passed`
      throw new Error(`The promise is still pending and ${why}`)
    }
    return promise
  }

  #runNext(end: number): boolean {
    const next = this.#timers[0]
    if (next === undefined || next.at > end) return false
    this.#timers.shift()
    this.#monotonic = next.at
    next.run()
    return true
  }
}
