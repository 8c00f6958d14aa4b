import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { fullJitterMs, halfJitterMs, longestBackoffMs } from '../../src/delivery/retry-policy.ts'
import { SeededRandom } from '../../src/testing/seeded-random.ts'
import { seed } from './support/harness.ts'

const bounds = { minDelayMs: 200, maxDelayMs: 300_000 }

describe('backoff', () => {
  test('doubles with each failure up to its bound', () => {
    const backoffs = [1, 2, 3, 4, 11, 12, 100, 5000].map((n) => longestBackoffMs(bounds, n))
    expect(backoffs).toEqual([200, 400, 800, 1600, 204_800, 300_000, 300_000, 300_000])
  })

  test('draws anything from nothing to the longest, or from half of it', () => {
    const random = new SeededRandom(seed)
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 50 }), (failures) => {
        const longest = longestBackoffMs(bounds, failures)
        const full = fullJitterMs(bounds, failures, random)
        const half = halfJitterMs(bounds, failures, random)
        expect(full).toBeGreaterThanOrEqual(0)
        expect(full).toBeLessThanOrEqual(longest)
        expect(half).toBeGreaterThanOrEqual(longest / 2)
        expect(half).toBeLessThanOrEqual(longest)
      }),
      { seed },
    )
  })

  test('spreads records that failed together evenly', () => {
    const random = new SeededRandom(seed)
    const quarters = [0, 0, 0, 0]
    for (let draw = 0; draw < 4000; draw++) {
      const quarter = Math.floor(fullJitterMs(bounds, 1, random) / 50)
      quarters[quarter] = (quarters[quarter] ?? 0) + 1
    }
    for (const count of quarters) expect(Math.abs(count - 1000)).toBeLessThan(200)
  })
})
