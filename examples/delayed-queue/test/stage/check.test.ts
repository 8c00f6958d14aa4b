import { describe, expect, it } from 'vitest'
import {
  type Arrival,
  busiestSecond,
  checkStore,
  type Deletion,
  latenesses,
  type Put,
  type StoreReading,
} from '../../src/stage/check.ts'

const puts: readonly Put[] = [
  { key: 'a', version: 1n, segments: 9 },
  { key: 'b', version: 2n, segments: 9 },
  { key: 'c', version: 3n, segments: 9 },
  // Put anew after its deletion had been scheduled.
  { key: 'c', version: 12n, segments: 8 },
]
const deletions: readonly Deletion[] = [
  { key: 'a', version: 10n, notBefore: 5_000, isCancelled: false },
  { key: 'b', version: 11n, notBefore: 5_000, isCancelled: true },
  { key: 'c', version: 11n, notBefore: 5_000, isCancelled: false },
]
const deleted = (key: string, version: bigint, at: number, due = 5_000): Arrival => ({
  ...{ key, version, op: 'delete', at, due },
})
const rightArrivals: readonly Arrival[] = [
  { key: 'a', version: 1n, op: 'put', at: 1_000, due: undefined },
  deleted('a', 10n, 5_000),
  deleted('c', 11n, 5_004),
]

/** A store in which all went well, but for what a test changes. */
function store(different: Partial<StoreReading> = {}): StoreReading {
  return {
    segments: new Map([['b', 9] as const, ['c', 8] as const]),
    arrivals: rightArrivals,
    ...different,
  }
}

const nothing = {
  ...{ lost: [], forgotten: [], early: [], uncalledFor: [], leftBehind: [], tooMany: [] },
}
const check = (different: Partial<StoreReading> = {}, mostPerSecond = 2) =>
  checkStore(store(different), puts, deletions, mostPerSecond)

describe('the check of deletions that wait', () => {
  it('finds nothing where each came in its time, and what was put after it was left alone', () => {
    expect(check()).toEqual(nothing)
  })

  it('does not mind a deletion that came again, as it may after a crash', () => {
    expect(check({ arrivals: [...rightArrivals, deleted('a', 10n, 9_000)] })).toEqual(nothing)
  })

  it('finds a film that went though its deletion was taken back, or that was put anew', () => {
    expect(check({ segments: new Map([['b', 9]]) }).lost).toEqual(['c has 0 segments, not 8'])
    expect(check({ segments: new Map([['c', 8]]) }).lost).toEqual(['b has 0 segments, not 9'])
  })

  it('finds a film that is there by half', () => {
    const segments = new Map([['b', 4] as const, ['c', 8] as const])
    expect(check({ segments })).toEqual({ ...nothing, lost: ['b has 4 segments, not 9'] })
  })

  it('finds a deletion that never came', () => {
    expect(check({ arrivals: rightArrivals.slice(0, 2) })).toEqual({
      ...nothing,
      forgotten: ['c@11 was never deleted'],
    })
  })

  it('finds a deletion that came before it was due, or before it could be by when it was asked for', () => {
    const beforeDue = [...rightArrivals.slice(0, 2), deleted('c', 11n, 5_999, 6_000)]
    expect(check({ arrivals: beforeDue }).early).toEqual(['c@11 came 1 ms early'])
    const beforeAsked = [...rightArrivals.slice(0, 2), deleted('c', 11n, 4_990, 4_980)]
    expect(check({ arrivals: beforeAsked }).early).toEqual(['c@11 came 10 ms early'])
  })

  it('finds a deletion that came though it had been taken back, and one that nobody asked for', () => {
    const arrivals = [...rightArrivals, deleted('b', 11n, 9_000), deleted('z', 1n, 9_000)]
    expect(check({ arrivals }).uncalledFor).toEqual([
      'b@11 came, uncalled for',
      'z@1 came, uncalled for',
    ])
  })

  it('finds segments of a film that should be gone', () => {
    const segments = new Map([...store().segments, ['a', 1] as const])
    expect(check({ segments })).toEqual({ ...nothing, leftBehind: ['a has 1 segments, not 0'] })
  })

  it('finds a second in which more came than may', () => {
    expect(check({}, 1).tooMany).toEqual(['2 came within the second from 1970-01-01T00:00:05.000Z'])
  })
})

describe('the figures beside the check', () => {
  it('count the busiest second wherever it begins', () => {
    expect(busiestSecond([])).toBe(0)
    expect(busiestSecond([2_000, 0, 999, 1_000, 1_998])).toBe(3)
  })

  it('tell how late deletions came, and nothing of what had no time', () => {
    const arrivals = [...rightArrivals].reverse()
    expect(latenesses(store({ arrivals }))).toEqual([0, 4])
  })
})
