import { type Clock, systemClock } from '../clock.ts'

/**
 * The machine's clock, on which time goes by `factor` times as fast: for tests that wait for minutes
 * where something outside of the process, such as a server, cannot be given a {@link VirtualClock}.
 */
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
