import type { Clock } from './clock.ts'

/** What keeping delayed records costs: how often they are sent on. */
export interface DelayHops {
  /** Records sent on by this process since the wal was opened: to wait further, or because they were due. */
  readonly total: number
  /** Of these, how many a second, over the last minute. */
  readonly perSecond: number
}

const spanMs = 60_000
/** The last minute is counted in so many parts. */
const parts = 60

/** Counts hops, in memory that does not grow. */
export class HopCounter {
  readonly #clock: Clock
  readonly #openedAt: number
  /** By when each part begins, divided by its length; the last minute's alone. */
  readonly #counts = new Map<number, number>()
  #total = 0

  constructor(clock: Clock) {
    this.#clock = clock
    this.#openedAt = clock.monotonic()
  }

  count(records: number): void {
    const part = this.#part()
    this.#forget(part)
    this.#counts.set(part, (this.#counts.get(part) ?? 0) + records)
    this.#total += records
  }

  status(): DelayHops {
    this.#forget(this.#part())
    const counts = [...this.#counts.values()]
    const recent = counts.reduce((sum, count) => sum + count, 0)
    // A process that has only just begun has not had a minute.
    const openMs = Math.max(1_000, this.#clock.monotonic() - this.#openedAt)
    return { total: this.#total, perSecond: (recent * 1_000) / Math.min(spanMs, openMs) }
  }

  #part(): number {
    return Math.floor((this.#clock.monotonic() * parts) / spanMs)
  }

  #forget(now: number): void {
    for (const part of this.#counts.keys()) if (part <= now - parts) this.#counts.delete(part)
  }
}
