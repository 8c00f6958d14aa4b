import { Samples } from './samples.ts'

/** How long to run a contestant before counting, and then how long to count. */
export interface RoundTimes {
  readonly warmUpMs: number
  readonly measureMs: number
}

/** What one contestant did in one round. */
export interface Reading {
  readonly records: number
  readonly elapsedMs: number
  readonly recordsPerSecond: number
  /** Median latency of a write, from the call to its durable answer, in ms. */
  readonly p50Ms: number
  readonly p99Ms: number
}

/**
 * Counts completed writes over one round, leaving the warm-up out.
 *
 * The window opens at the first completion after the warm-up and closes at the last one before its
 * end, or at the first one to count where a slow disk lets none be done by then. What completes at the very instant that opens it was done before and is left out, so that
 * contestants that complete whole groups at once gain nothing at the edges.
 */
export class Meter {
  readonly #times: RoundTimes
  readonly #latencies = new Samples()
  #records = 0
  #warmUntil = Number.POSITIVE_INFINITY
  #until = Number.POSITIVE_INFINITY
  #openedAt: number | undefined
  #lastAt = 0

  constructor(times: RoundTimes) {
    this.#times = times
  }

  /** Starts the clock; called once set-up is over. `now` is a reading of `performance.now()`. */
  begin(now: number): void {
    this.#warmUntil = now + this.#times.warmUpMs
    this.#until = this.#warmUntil + this.#times.measureMs
  }

  /** True once the round's time is up and something was timed; contestants stop writing then. */
  isOver(now: number): boolean {
    return now >= this.#until && this.#latencies.count > 0
  }

  /**
   * Notes writes that were begun and completed at the given readings of `performance.now()`.
   * Answers whether they count.
   */
  completed(startedAt: number, now: number, records = 1): boolean {
    if (!this.counts(now, records)) return false
    this.took(now - startedAt, records)
    return true
  }

  /** The same where nobody knows how long they took, for not every write has to be timed. */
  counts(now: number, records: number): boolean {
    if (now < this.#warmUntil || this.isOver(now)) return false
    this.#openedAt ??= now
    if (now === this.#openedAt) return false
    this.#lastAt = now
    this.#records += records
    return true
  }

  /** Notes how long records took that count, in ms. */
  took(latencyMs: number, records: number): void {
    this.#latencies.add(latencyMs, records)
  }

  /** Throws if nothing counted, for then there is no rate. */
  reading(): Reading {
    const records = this.#records
    if (this.#openedAt === undefined || records === 0) {
      throw new Error('no write completed in the measured time')
    }
    const elapsedMs = this.#lastAt - this.#openedAt
    const [p50Ms = Number.NaN, p99Ms = Number.NaN] = this.#latencies.quantiles(0.5, 0.99)
    return { records, elapsedMs, recordsPerSecond: (records / elapsedMs) * 1000, p50Ms, p99Ms }
  }
}
