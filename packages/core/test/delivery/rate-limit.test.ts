import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { RateLimit } from '../../src/delivery/rate-limit.ts'
import { VirtualClock } from '../../src/testing/virtual-clock.ts'
import { seed } from './support/harness.ts'

describe('the rate limit', () => {
  test('never lets more through than the burst and the rate allow', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.double({ min: 0.1, max: 5000, noNaN: true }),
        fc.integer({ min: 1, max: 1000 }),
        fc.array(
          fc.record({ passMs: fc.nat({ max: 500 }), wanted: fc.integer({ min: 1, max: 700 }) }),
          {
            maxLength: 20,
          },
        ),
        async (perSecond, burst, steps) => {
          const clock = new VirtualClock()
          const limit = new RateLimit({ perSecond, burst }, clock)
          let through = 0
          for (const { passMs, wanted } of steps) {
            await clock.advance(passMs)
            const allowed = limit.allowed(wanted)
            expect(allowed).toBeLessThanOrEqual(wanted)
            limit.spend(allowed)
            through += allowed
            expect(through).toBeLessThanOrEqual(
              burst + (clock.monotonic() * perSecond) / 1000 + 1e-3,
            )
          }
        },
      ),
      { seed, numRuns: 50 },
    )
  })

  test('says how long to wait, and keeps its word', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.double({ min: 0.1, max: 5000, noNaN: true }),
        fc.integer({ min: 1, max: 700 }),
        async (perSecond, wanted) => {
          const clock = new VirtualClock()
          const limit = new RateLimit({ perSecond, burst: 100 }, clock)
          limit.spend(100)
          expect(limit.allowed(wanted)).toBe(0)
          await clock.advance(limit.waitMs(wanted) + 1e-6)
          expect(limit.allowed(wanted)).toBeGreaterThan(0)
        },
      ),
      { seed, numRuns: 50 },
    )
  })
})
