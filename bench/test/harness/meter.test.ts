import { expect, test } from 'vitest'
import { Meter } from '../../src/harness/meter.ts'

const times = { warmUpMs: 100, measureMs: 1000 }

function begun(): Meter {
  const meter = new Meter(times)
  meter.begin(5000)
  return meter
}

test('leaves the warm-up out', () => {
  const meter = begun()
  meter.completed(5000, 5050, 1_000_000)
  meter.completed(5090, 5100)
  meter.completed(5100, 5600, 500)
  expect(meter.reading()).toMatchObject({ records: 500, elapsedMs: 500, recordsPerSecond: 1000 })
})

test('leaves out what completed after the end', () => {
  const meter = begun()
  meter.completed(5100, 5200)
  meter.completed(5200, 6000, 8)
  meter.completed(6000, 6101, 1_000_000)
  expect(meter.reading()).toMatchObject({ records: 8, elapsedMs: 800, recordsPerSecond: 10 })
})

test('does not count the group that opens the window, whose work lies before it', () => {
  const meter = begun()
  for (let write = 0; write < 256; write += 1) meter.completed(5099, 5101)
  meter.completed(5101, 5201, 256)
  expect(meter.reading()).toMatchObject({ records: 256, elapsedMs: 100 })
})

test('tells latencies per record, not per group', () => {
  const meter = begun()
  meter.completed(5100, 5110)
  meter.completed(5110, 5112, 99)
  meter.completed(5112, 5162, 1)
  const { p50Ms, p99Ms } = meter.reading()
  expect(p50Ms).toBe(2)
  expect(p99Ms).toBeCloseTo(2.48)
})

test('counts writes that nobody has timed, and goes on until one was', () => {
  const meter = begun()
  meter.completed(5100, 5200)
  expect(meter.counts(5300, 7)).toBe(true)
  expect(meter.isOver(6200)).toBe(false)
  expect(meter.counts(6200, 8)).toBe(true)
  meter.took(3, 1)
  expect(meter.isOver(6200)).toBe(true)
  expect(meter.counts(6300, 9)).toBe(false)
  expect(meter.reading()).toMatchObject({ records: 15, elapsedMs: 1000, p50Ms: 3, p99Ms: 3 })
})

test('is over exactly when warm-up and measured time have passed', () => {
  const meter = begun()
  meter.completed(5100, 5200)
  meter.completed(5200, 5300)
  expect(meter.isOver(6099.9)).toBe(false)
  expect(meter.isOver(6100)).toBe(true)
})

test('goes on past its end until something counts, and then no further', () => {
  const meter = begun()
  meter.completed(5000, 6500, 4)
  expect(meter.isOver(7000)).toBe(false)
  meter.completed(6500, 7500, 4)
  expect(meter.isOver(7500)).toBe(true)
  meter.completed(7500, 8500, 4)
  expect(meter.reading()).toMatchObject({ records: 4, elapsedMs: 1000 })
})

test('is never over before it has begun', () => {
  expect(new Meter(times).isOver(1e12)).toBe(false)
})

test('says so when nothing completed in the measured time', () => {
  const meter = begun()
  meter.completed(5000, 5099, 10)
  expect(() => meter.reading()).toThrow('no write completed')
})
