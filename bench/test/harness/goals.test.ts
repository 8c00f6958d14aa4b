import { expect, test } from 'vitest'
import { compare } from '../../src/harness/goals.ts'
import type { Standing } from '../../src/harness/rounds.ts'

function standing(contestant: string, rates: readonly number[]): Standing {
  const rest = { records: 1, elapsedMs: 1, p50Ms: 1, p99Ms: 1, groupRecords: 1, notes: undefined }
  return { contestant, rounds: rates.map((recordsPerSecond) => ({ ...rest, recordsPerSecond })) }
}

const standings = [standing('disk', [400, 400, 400]), standing('ours', [180, 200, 390])]

test('a goal met exactly is reached', () => {
  expect(compare('ours', [{ peer: 'disk', ratio: 0.5 }], standings)).toEqual([
    {
      contestant: 'ours',
      peer: 'disk',
      ratio: expect.objectContaining({ median: 0.5, min: 0.45, max: 0.975 }),
      goal: 0.5,
      reached: true,
    },
  ])
})

test('a goal missed by the median is not reached, however good one round was', () => {
  expect(compare('ours', [{ peer: 'disk', ratio: 0.51 }], standings)[0]?.reached).toBe(false)
})

test('refuses a peer that did not take part', () => {
  expect(() => compare('ours', [{ peer: 'nobody', ratio: 1 }], standings)).toThrow('nobody')
})
