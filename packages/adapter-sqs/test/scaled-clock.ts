import { type Clock, systemClock } from '@daybook/core'

/** A clock on which time goes by `factor` times as fast: SQS counts in seconds. */
export function scaledClock(factor: number): Clock {
  const start = systemClock.now()
  const startMonotonic = systemClock.monotonic()
  const elapsed = (): number => (systemClock.monotonic() - startMonotonic) * factor
  return {
    now: () => start + elapsed(),
    monotonic: elapsed,
    setTimer: (delayMs, run, options) => systemClock.setTimer(delayMs / factor, run, options),
  }
}
