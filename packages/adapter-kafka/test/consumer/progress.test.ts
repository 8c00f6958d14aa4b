import { SeededRandom } from '@daybook/core/testing'
import { expect, test } from 'vitest'
import { Progress } from '../../src/consumer/progress.ts'
import { longestText, noteOf, textOf } from '../../src/consumer/progress-text.ts'

const seed = Number(process.env['DAYBOOK_SEED'])

test('progress agrees with a plain set of offsets through a random run', () => {
  const random = new SeededRandom(seed)
  const progress = new Progress(10)
  const open = new Set(Array.from({ length: 200 }, (_, at) => 10 + at))
  while (open.size > 0) {
    const from = random.integer(0, 209)
    const to = Math.min(210, from + random.integer(0, 4))
    progress.done(from, to)
    for (let offset = from; offset < to; offset++) open.delete(offset)
    const end = random.integer(0, 210)
    expect(progress.openBelow(end)).toBe([...open].filter((offset) => offset < end).length)
    for (let offset = 5; offset < 210; offset++) {
      expect(progress.isDone(offset)).toBe(offset < 10 || !open.has(offset))
    }
    const { progress: read } = noteOf(progress.committed, textOf(noteWith(progress)))
    expect(read.runs).toEqual(progress.runs)
  }
  expect(progress.committed).toBe(210)
  expect(progress.runs).toEqual([])
})

test('what has been tried comes back from the note, and what was under way counts as interrupted', () => {
  const progress = new Progress(1_000)
  progress.done(1_003, 1_007)
  const attempts = new Map([
    [1_001, { spent: 3, interrupted: 1, notBefore: 1_763_971_200_123, history: [] }],
    [1_009, { spent: 1, interrupted: 0, notBefore: 0, history: [] }],
  ])
  const text = textOf({ progress, attempts, begun: new Set([1_010, 1_009, 1_000]) })
  const { progress: read, attempts: noted } = noteOf(1_000, text)
  expect(read.runs).toEqual([{ from: 1_003, to: 1_007 }])
  expect([...noted].sort(([a], [b]) => a - b)).toEqual([
    [1_000, { spent: 1, interrupted: 1, notBefore: 0, history: [] }],
    [1_001, { spent: 3, interrupted: 1, notBefore: 1_763_971_200_123, history: [] }],
    [1_009, { spent: 2, interrupted: 1, notBefore: 0, history: [] }],
    [1_010, { spent: 1, interrupted: 1, notBefore: 0, history: [] }],
  ])
})

test('a note never outgrows what a broker takes, and keeps its beginning', () => {
  const progress = new Progress(0)
  for (let offset = 1; offset < 9_000; offset += 2) progress.done(offset)
  const attempts = new Map(
    Array.from({ length: 3_000 }, (_, at) => [
      2 * at,
      { spent: 1, interrupted: 0, notBefore: 0, history: [] },
    ]),
  )
  const begun = Array.from({ length: 3_000 }, (_, at) => 2 * at)
  const text = textOf({ progress, attempts, begun })
  expect(text.length).toBeLessThanOrEqual(longestText)
  const read = noteOf(0, text)
  expect(read.progress.runs.length).toBeGreaterThan(500)
  expect(read.progress.runs).toEqual(progress.runs.slice(0, read.progress.runs.length))
  expect(read.attempts.get(0)).toEqual({ spent: 2, interrupted: 1, notBefore: 0, history: [] })
})

test('a note of somebody else counts for its offset alone', () => {
  const { progress, attempts } = noteOf(7, 'hello; world')
  expect([progress.committed, progress.runs, attempts.size]).toEqual([7, [], 0])
})

function noteWith(progress: Progress) {
  return { progress, attempts: new Map(), begun: [] }
}

test('what every commit has to have is noted in as few runs as it takes', () => {
  const progress = new Progress(10, [{ from: 90, to: 95 }])
  for (const offset of [20, 22, 40, 21, 95, 96, 89, 23, 20]) progress.keep(offset)
  expect(progress.kept).toEqual([
    { from: 89, to: 97 },
    { from: 20, to: 24 },
    { from: 40, to: 41 },
  ])
  progress.done(10, 30)
  progress.keep(25)
  expect(progress.kept).toEqual([
    { from: 89, to: 97 },
    { from: 40, to: 41 },
  ])
})
