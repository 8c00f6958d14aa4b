import { describe, expect, test } from 'vitest'
import { Breaker } from '../../src/delivery/breaker.ts'
import { SeededRandom } from '../../src/testing/seeded-random.ts'
import { seed } from './support/harness.ts'

function breaker() {
  return new Breaker({ failures: 10, minOpenMs: 1000, maxOpenMs: 8000 }, new SeededRandom(seed))
}

describe('the breaker', () => {
  test('goes from closed to open to half-open and back', () => {
    const it = breaker()
    expect(it.state).toBe('closed')
    it.halfOpen()
    expect(it.state).toBe('closed')
    it.open('unavailable')
    expect(it.state).toBe('open')
    it.halfOpen()
    expect(it.state).toBe('half-open')
    it.close()
    expect(it.state).toBe('closed')
  })

  test('stays open for longer each time, up to its bound, until a record is applied', () => {
    const it = breaker()
    for (const longest of [1000, 2000, 4000, 8000, 8000]) {
      const openMs = it.open('failures')
      expect(openMs).toBeGreaterThanOrEqual(longest / 2)
      expect(openMs).toBeLessThanOrEqual(longest)
    }
    it.close()
    expect(it.open('failures')).toBeGreaterThanOrEqual(4000)
    it.succeeded()
    expect(it.open('failures')).toBeLessThanOrEqual(1000)
  })

  test('stays open as long as the target asks', () => {
    expect(breaker().open('unavailable', 60_000)).toBe(60_000)
  })

  test('begins a new generation each time it opens, and only then', () => {
    const it = breaker()
    const before = it.generation
    it.open('unavailable')
    it.halfOpen()
    it.close()
    expect(it.generation).toBe(before + 1)
  })
})
