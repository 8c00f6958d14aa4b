import { describe, expect, test } from 'vitest'
import { Breaker } from '../../src/delivery/breaker.ts'
import { SeededRandom } from '../../src/testing/seeded-random.ts'
import { seed } from './support/harness.ts'

function breaker() {
  return new Breaker({ failures: 10, minOpenMs: 1000, maxOpenMs: 8000 }, new SeededRandom(seed))
}

describe('the breaker', () => {
  test('goes from closed to open to half-open and back', () => {
    const subject = breaker()
    expect(subject.state).toBe('closed')
    subject.halfOpen()
    expect(subject.state).toBe('closed')
    subject.open('unavailable')
    expect(subject.state).toBe('open')
    subject.halfOpen()
    expect(subject.state).toBe('half-open')
    subject.close()
    expect(subject.state).toBe('closed')
  })

  test('stays open for longer each time, up to its bound, until a record is applied', () => {
    const subject = breaker()
    for (const longest of [1000, 2000, 4000, 8000, 8000]) {
      const openMs = subject.open('failures')
      expect(openMs).toBeGreaterThanOrEqual(longest / 2)
      expect(openMs).toBeLessThanOrEqual(longest)
    }
    subject.close()
    expect(subject.open('failures')).toBeGreaterThanOrEqual(4000)
    subject.succeeded()
    expect(subject.open('failures')).toBeLessThanOrEqual(1000)
  })

  test('stays open as long as the target asks', () => {
    expect(breaker().open('unavailable', 60_000)).toBe(60_000)
  })

  test('begins a new generation each time it opens, and only then', () => {
    const subject = breaker()
    const before = subject.generation
    subject.open('unavailable')
    subject.halfOpen()
    subject.close()
    expect(subject.generation).toBe(before + 1)
  })
})
