import { expect, test } from 'vitest'
import { sleep, systemClock } from '../src/clock.ts'
import { scaledClock } from '../src/testing/index.ts'

test('a scaled clock lets an hour go by in milliseconds, for timers as well', async () => {
  const clock = scaledClock(360_000)
  const before = systemClock.monotonic()
  const [now, monotonic] = [clock.now(), clock.monotonic()]
  await sleep(clock, 3_600_000)
  expect(clock.now() - now).toBeGreaterThanOrEqual(3_600_000 * 0.9)
  expect(clock.monotonic() - monotonic).toBeGreaterThanOrEqual(3_600_000 * 0.9)
  expect(systemClock.monotonic() - before).toBeLessThan(600_000)
})
