import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { VersionClock } from '../src/version.ts'

describe('VersionClock', () => {
  it('gives microseconds with the region in the low 4 bits', () => {
    const version = new VersionClock({ region: 5, floor: 0n }).next('k', 1_800_000_000_000)
    expect(version & 15n).toBe(5n)
    expect(version / 1000n).toBe(1_800_000_000_000n)
  })

  it('grows for a key whatever the wall clock does', () => {
    fc.assert(
      fc.property(
        fc.array(fc.tuple(fc.integer({ min: 0, max: 2e12 }), fc.string()), { minLength: 2 }),
        fc.integer({ min: 0, max: 15 }),
        (steps, region) => {
          const versions = new VersionClock({ region, floor: 0n })
          const last = new Map<string, bigint>()
          for (const [at, key] of steps) {
            const version = versions.next(key, at)
            expect(version).toBeGreaterThan(last.get(key) ?? 0n)
            expect(version & 15n).toBe(BigInt(region))
            last.set(key, version)
          }
        },
      ),
    )
  })

  it('starts above the floor', () => {
    const floor = 1_900_000_000_000_007n
    const versions = new VersionClock({ region: 0, floor })
    expect(versions.next('k', 0)).toBeGreaterThan(floor)
  })

  it('looks for records without a key at the stripe that is next', () => {
    const clock = new VersionClock({ region: 0, floor: 0n })
    for (let each = 0; each < 4095; each++) clock.next(undefined, 1)
    clock.next(undefined, 10_000)
    expect(clock.aheadMs(undefined, 1)).toBe(0)
    for (let each = 0; each < 4095; each++) clock.next(undefined, 1)
    expect(clock.aheadMs(undefined, 1)).toBeGreaterThan(9000)
  })

  it('passes a version that the write must follow', () => {
    const versions = new VersionClock({ region: 3, floor: 0n })
    expect(versions.next('k', 0, 10_000n)).toBeGreaterThan(10_000n)
  })

  it('never gives a version at or below one it was shown', () => {
    const versions = new VersionClock({ region: 0, floor: 0n })
    versions.observe('k', 9_999n)
    expect(versions.next('k', 0)).toBeGreaterThan(9_999n)
  })

  it.each([
    ['of different keys', (i: number) => `key-${i}`],
    ['without a key', () => undefined],
  ])('keeps to real time under many writes %s', (_, keyOf) => {
    const versions = new VersionClock({ region: 0, floor: 0n })
    let highest = 0n
    for (let i = 0; i < 100_000; i++) {
      const version = versions.next(keyOf(i), 1_800_000_000_000)
      if (version > highest) highest = version
    }
    // One counter for all keys would be 1.6 s ahead by now.
    expect(highest - 1_800_000_000_000_000n).toBeLessThan(10_000n)
  })

  it('gives out nothing of what it has reserved, nor was any of that given out before', () => {
    const now = 1_800_000_000_000
    for (const earlier of [0, now - 5, now, now + 60_000]) {
      const versions = new VersionClock({ region: 3, floor: 0n })
      const before = versions.next('k', earlier)
      const { floor, ceiling } = versions.reserve(1_600n, 10, now)
      expect(floor).toBeGreaterThanOrEqual(before)
      expect(floor).toBeGreaterThanOrEqual(BigInt(now) * 1000n)
      expect(ceiling - floor).toBeGreaterThanOrEqual(1_760n)
      for (const key of ['k', 'another', undefined]) {
        expect(versions.next(key, now)).toBeGreaterThan(ceiling)
      }
      const apart = versions.above(floor)
      expect(apart.next('k', 0)).toBeGreaterThan(floor)
      expect(apart.next('k', 0) & 15n).toBe(3n)
      expect(versions.highest).toBeGreaterThan(ceiling)
    }
  })
})
