import { expect, test } from 'vitest'
import { Samples } from '../../src/harness/samples.ts'

test('answers quantiles of values noted in any order', () => {
  const samples = new Samples()
  for (const value of [5, 1, 4, 2, 3]) samples.add(value)
  expect(samples.quantiles(0, 0.5, 1)).toEqual([1, 3, 5])
})

test('counts a value as often as it occurred', () => {
  const samples = new Samples()
  samples.add(1, 98)
  samples.add(9, 2)
  expect(samples.count).toBe(100)
  expect(samples.quantiles(0.5, 0.97, 0.99)).toEqual([1, 1, 9])
})

test('keeps everything when it outgrows its first array, one by one or in one leap', () => {
  const samples = new Samples()
  for (let value = 0; value < 70_000; value += 1) samples.add(value)
  samples.add(70_000, 400_000)
  expect(samples.count).toBe(470_000)
  expect(samples.quantiles(0, 1)).toEqual([0, 70_000])
  expect(samples.quantiles(69_999 / 469_999)[0]).toBeCloseTo(69_999)
})

test('has no quantiles of nothing', () => {
  expect(new Samples().quantiles(0.5)).toEqual([Number.NaN])
})
