import type { Duration } from '@daybook/core'

const msPer: Readonly<Record<string, number>> = {
  ms: 1,
  s: 1_000,
  m: 60_000,
  h: 3_600_000,
  d: 86_400_000,
}

/** Milliseconds of a duration; undefined for what is none. */
export function durationMs(duration: Duration): number | undefined {
  const match = /^(\d+(?:\.\d+)?)(ms|s|m|h|d)$/.exec(String(duration))
  const ms = match ? Number(match[1]) * (msPer[match[2] ?? ''] ?? Number.NaN) : duration
  return typeof ms === 'number' && Number.isFinite(ms) && ms >= 0 ? ms : undefined
}
