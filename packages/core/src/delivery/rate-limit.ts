import type { Clock } from '../clock.ts'
import type { RateLimitPolicy } from './policy.ts'

/** Records gathered before they go, in ms' worth of the rate: else each would be a batch of its own. */
const gatherMs = 50

/**
 * A token bucket: a token is a record, they come in evenly, and as many as `burst` can be saved up.
 */
export class RateLimit {
  readonly #perMs: number
  readonly #burst: number
  readonly #clock: Clock
  #tokens: number
  /** Monotonic ms at which `#tokens` was right. */
  #at: number

  constructor({ perSecond, burst }: RateLimitPolicy, clock: Clock) {
    this.#perMs = perSecond / 1000
    this.#burst = Math.max(1, burst)
    this.#clock = clock
    this.#tokens = this.#burst
    this.#at = clock.monotonic()
  }

  /** How many of the wanted records may go now; 0 if it is better to wait for `waitMs`. */
  allowed(wanted: number): number {
    this.#fill()
    return this.#tokens + tolerance >= this.#enough(wanted) ? Math.min(wanted, this.#whole()) : 0
  }

  /** Time until some of the wanted records may go, in ms. */
  waitMs(wanted: number): number {
    this.#fill()
    return Math.max(0, (this.#enough(wanted) - this.#tokens) / this.#perMs)
  }

  /** So many records go. */
  spend(records: number): void {
    this.#tokens -= records
  }

  /** So many of them have not gone after all. */
  giveBack(records: number): void {
    this.#tokens += records
  }

  /** No more than is wanted, nor than can be saved up; at least one. */
  #enough(wanted: number): number {
    return Math.min(wanted, Math.max(1, Math.floor(Math.min(this.#burst, this.#perMs * gatherMs))))
  }

  #whole(): number {
    return Math.floor(this.#tokens + tolerance)
  }

  #fill(): void {
    const now = this.#clock.monotonic()
    this.#tokens = Math.min(this.#burst, this.#tokens + (now - this.#at) * this.#perMs)
    this.#at = now
  }
}

/** Sums of fractions miss whole numbers by a little. */
const tolerance = 1e-6
