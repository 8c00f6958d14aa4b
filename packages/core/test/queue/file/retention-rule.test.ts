import { describe, expect, it } from 'vitest'
import type { LogSegment } from '../../../src/queue/file/log-segments.ts'
import { judgeRetention } from '../../../src/queue/file/retention-rule.ts'

const now = 1_000_000
const never = Number.POSITIVE_INFINITY

/** Segments of ten records and 100 bytes each; the ages are of their latest records, in ms. */
function segmentsOf(...ages: readonly number[]): readonly LogSegment[] {
  return ages.map((age, index) => ({
    path: `segment ${index}`,
    header: {
      salt: 1,
      number: index + 1,
      baseSequence: index * 10 + 1,
      position: index * 100,
      previousNumber: index,
      previousEnd: 100,
      firstKept: 1,
      epoch: 1,
      highestVersion: 0n,
      madeAt: 0,
      namespace: '',
    },
    end: 100,
    fileBytes: 100,
    lastSequence: index * 10 + 10,
    latestAt: now - age,
  }))
}

function judge(
  segments: readonly LogSegment[],
  { timeMs = never, bytes = never, doneThrough = never, isGrowing = true } = {},
) {
  return judgeRetention({ segments, isGrowing, limits: { timeMs, bytes }, doneThrough, now })
}

describe('what may go of a log', () => {
  it('is nothing where there are no limits', () => {
    const kept = { expendable: 0, because: 'limits', expiresAt: never }
    expect(judge(segmentsOf(9e9, 8e9, 7e9))).toEqual(kept)
  })

  it('is what is as old as the time, and it is told when the next one will be', () => {
    const segments = segmentsOf(600, 500, 499, 0)
    const verdict = { expendable: 2, because: 'limits', expiresAt: now + 1 }
    expect(judge(segments, { timeMs: 500 })).toEqual(verdict)
  })

  it('is also the last segment where that is too much and no longer grows', () => {
    const segments = segmentsOf(3, 2)
    expect(judge(segments, { bytes: 1 }).expendable).toBe(1)
    expect(judge(segments, { bytes: 1, isGrowing: false }).expendable).toBe(2)
  })

  it('is an empty segment that no longer grows, however young', () => {
    const [first, second, third] = segmentsOf(900, 0, 0) as [LogSegment, LogSegment, LogSegment]
    const empty = { ...second, lastSequence: 10 }
    expect(judge([first, empty, third], { timeMs: 500 }).expendable).toBe(2)
    expect(judge([empty, third], { timeMs: 500, doneThrough: 0 }).expendable).toBe(1)
  })

  it('is what the log has too much of, but never a growing segment for that', () => {
    const segments = segmentsOf(3, 2, 1, 0)
    for (const [bytes, expendable] of [
      [400, 0],
      [399, 1],
      [300, 1],
      [299, 2],
      [1, 3],
    ] as const) {
      expect([bytes, judge(segments, { bytes }).expendable]).toEqual([bytes, expendable])
    }
  })

  it('ends where somebody needs a record, whatever the limits', () => {
    const segments = segmentsOf(900, 800, 700)
    for (const [doneThrough, expendable] of [
      [0, 0],
      [9, 0],
      [10, 1],
      [29, 2],
    ] as const) {
      const need = { expendable, because: 'need', expiresAt: never }
      expect(judge(segments, { timeMs: 1, bytes: 1, doneThrough })).toEqual(need)
    }
    expect(judge(segments, { timeMs: 1, doneThrough: 30 }).expendable).toBe(3)
  })

  it('is not a younger segment before an older one', () => {
    expect(judge(segmentsOf(100, 900), { timeMs: 500 }).expendable).toBe(0)
  })

  it('is not the last segment where that holds nothing', () => {
    const [first, last] = segmentsOf(900, 900) as [LogSegment, LogSegment]
    const empty = { ...last, lastSequence: 10 }
    const verdict = { expendable: 1, because: 'empty', expiresAt: never }
    expect(judge([first, empty], { timeMs: 1 })).toEqual(verdict)
    expect(judge([empty], { timeMs: 1 })).toMatchObject({ expendable: 0, because: 'empty' })
    const ended = { timeMs: 1, isGrowing: false }
    expect(judge([first, empty], ended)).toMatchObject({ expendable: 2, because: 'empty' })
    expect(judge([], { timeMs: 1 })).toMatchObject({ expendable: 0, because: 'empty' })
  })
})
