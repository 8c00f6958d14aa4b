import { expect, test } from 'vitest'
import { pairedRatio, quantile, summarize } from '../../src/harness/statistics.ts'

test('summarizes an odd number of rounds by the one in the middle', () => {
  expect(summarize([30, 10, 20])).toEqual({ median: 20, mean: 20, min: 10, max: 30, spread: 1 })
})

test('summarizes an even number of rounds by the middle of the two in the middle', () => {
  expect(summarize([40, 10, 20, 30]).median).toBe(25)
})

test('sorts by size and not by digits', () => {
  expect(summarize([9, 100, 20]).median).toBe(20)
})

test('the mean heeds every round, the median does not', () => {
  const { mean, median } = summarize([1, 255, 1, 255, 1])
  expect(mean).toBeCloseTo(102.6)
  expect(median).toBe(1)
})

test('rounds that were all zero have no spread', () => {
  expect(summarize([0, 0])).toEqual({ median: 0, mean: 0, min: 0, max: 0, spread: 0 })
})

test('refuses to summarize no rounds', () => {
  expect(() => summarize([])).toThrow(RangeError)
})

test('interpolates quantiles between neighbours', () => {
  const values = [0, 10, 20, 30, 40]
  expect(quantile(values, 0)).toBe(0)
  expect(quantile(values, 0.99)).toBeCloseTo(39.6)
  expect(quantile(values, 1)).toBe(40)
  expect(quantile([7], 0.99)).toBe(7)
  expect(quantile([], 0.5)).toBeNaN()
})

test('compares round by round, so that a slow spell of the machine does not count', () => {
  // Both halve their pace in the last two rounds; the ratio stays.
  const ours = [200, 200, 100, 100]
  const theirs = [100, 100, 50, 50]
  expect(pairedRatio(ours, theirs)).toMatchObject({ median: 2, min: 2, max: 2, spread: 0 })
})

test('refuses to compare different numbers of rounds', () => {
  expect(() => pairedRatio([1, 2], [1])).toThrow('cannot pair 2 rounds with 1')
})
