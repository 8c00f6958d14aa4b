import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { VersionClock } from '../src/version.ts'

function clockAt(now: () => number) {
  return { now, monotonic: now, setTimer: () => ({ cancel: () => {} }) }
}

describe('VersionClock', () => {
  it('gives microseconds with the region in the low 4 bits', () => {
    const clock = clockAt(() => 1_800_000_000_000)
    const version = new VersionClock({ clock, region: 5, floor: 0n }).next('k')
    expect(version & 15n).toBe(5n)
    expect(version / 1000n).toBe(1_800_000_000_000n)
  })

  it('grows for a key whatever the wall clock does', () => {
    fc.assert(
      fc.property(
        fc.array(fc.tuple(fc.integer({ min: 0, max: 2e12 }), fc.string()), { minLength: 2 }),
        fc.integer({ min: 0, max: 15 }),
        (steps, region) => {
          let now = 0
          const versions = new VersionClock({ clock: clockAt(() => now), region, floor: 0n })
          const last = new Map<string, bigint>()
          for (const [at, key] of steps) {
            now = at
            const version = versions.next(key)
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
    const versions = new VersionClock({ clock: clockAt(() => 0), region: 0, floor })
    expect(versions.next('k')).toBeGreaterThan(floor)
  })

  it('passes a version that the write must follow', () => {
    const versions = new VersionClock({ clock: clockAt(() => 0), region: 3, floor: 0n })
    expect(versions.next('k', 10_000n)).toBeGreaterThan(10_000n)
  })

  it('never gives a version at or below one it was shown', () => {
    const versions = new VersionClock({ clock: clockAt(() => 0), region: 0, floor: 0n })
    versions.observe('k', 9_999n)
    expect(versions.next('k')).toBeGreaterThan(9_999n)
  })

  it.each([
    ['of different keys', (i: number) => `key-${i}`],
    ['without a key', () => undefined],
  ])('keeps to real time under many writes %s', (_, keyOf) => {
    const clock = clockAt(() => 1_800_000_000_000)
    const versions = new VersionClock({ clock, region: 0, floor: 0n })
    let highest = 0n
    for (let i = 0; i < 100_000; i++) {
      const version = versions.next(keyOf(i))
      if (version > highest) highest = version
    }
    // One counter for all keys would be 1.6 s ahead by now.
    expect(highest - 1_800_000_000_000_000n).toBeLessThan(10_000n)
  })
})
