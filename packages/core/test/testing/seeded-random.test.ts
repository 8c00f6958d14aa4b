import { describe, expect, test } from 'vitest'
import { SeededRandom } from '../../src/testing/seeded-random.ts'

function draws(random: SeededRandom): number[] {
  return Array.from({ length: 1000 }, () => random.next())
}

describe('seeded randomness', () => {
  test('repeats with its seed, and differs with another', () => {
    expect(draws(new SeededRandom(7))).toEqual(draws(new SeededRandom(7)))
    expect(draws(new SeededRandom(7))).not.toEqual(draws(new SeededRandom(8)))
  })

  test('is spread over its range', () => {
    const numbers = draws(new SeededRandom(7))
    expect(numbers.every((number) => number >= 0 && number < 1)).toBe(true)
    const mean = numbers.reduce((sum, number) => sum + number, 0) / numbers.length
    expect(Math.abs(mean - 0.5)).toBeLessThan(0.05)
    const integers = new Set(
      Array.from({ length: 200 }, () => new SeededRandom(mean * 1e9).fork().integer(1, 3)),
    )
    expect(integers.size).toBe(1)
    const random = new SeededRandom(3)
    expect(new Set(Array.from({ length: 200 }, () => random.integer(1, 3)))).toEqual(
      new Set([1, 2, 3]),
    )
  })

  test('fills every byte it is given', () => {
    const bytes = new SeededRandom(1).fill(new Uint8Array(10_000))
    expect(new Set(bytes).size).toBe(256)
  })
})
