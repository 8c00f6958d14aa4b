import type { Random } from '../random.ts'

/** Bounds of a backoff that doubles, in ms. */
export interface BackoffBounds {
  readonly minDelayMs: number
  readonly maxDelayMs: number
}

/** The longest a backoff can be after so many failures (1 for the first): doubling, up to the bound. */
export function longestBackoffMs(
  { minDelayMs, maxDelayMs }: BackoffBounds,
  failures: number,
): number {
  // Past 2^60 the product says no more than the bound does.
  return Math.min(maxDelayMs, minDelayMs * 2 ** Math.min(60, Math.max(0, failures - 1)))
}

/**
 * Full jitter: anything from 0 to the longest backoff, so that records that failed together do not
 * come again together.
 */
export function fullJitterMs(bounds: BackoffBounds, failures: number, random: Random): number {
  return longestBackoffMs(bounds, failures) * random.next()
}

/** Half of it is certain, half is drawn: for pauses that must not be next to nothing. */
export function halfJitterMs(bounds: BackoffBounds, failures: number, random: Random): number {
  return longestBackoffMs(bounds, failures) * (0.5 + random.next() / 2)
}
