import { setImmediate as nextTurn } from 'node:timers/promises'
import { expect, test, vi } from 'vitest'
import { Meter } from '../../src/harness/meter.ts'
import { runWriters } from '../../src/harness/writers.ts'

/** Answers everything that was asked within a turn of the event loop at once, as a group commit does. */
function groupCommit(): { write: () => Promise<void>; groups: number[] } {
  const groups: number[] = []
  let waiting: (() => void)[] = []
  const commit = async (): Promise<void> => {
    await nextTurn()
    const group = waiting
    waiting = []
    groups.push(group.length)
    for (const answer of group) answer()
  }
  return {
    groups,
    write: () =>
      new Promise((resolve) => {
        if (waiting.push(resolve) === 1) void commit()
      }),
  }
}

test('keeps so many writers in flight, each awaiting its answer before it writes again', async () => {
  const log = groupCommit()
  await runWriters(16, new Meter({ warmUpMs: 5, measureMs: 100 }), log.write)
  // Time may be up between two writers of the last group.
  const full = log.groups.slice(0, -1)
  expect(full.length).toBeGreaterThan(1)
  expect(new Set(full)).toEqual(new Set([16]))
})

test('sees the groups in which writes were answered', async () => {
  const log = groupCommit()
  const meter = new Meter({ warmUpMs: 5, measureMs: 100 })
  const { groups } = await runWriters(16, meter, log.write)
  expect(groups).toMatchObject({ median: 16, max: 16 })
  expect(groups?.mean).toBeGreaterThan(8)
})

test('counts every record of a write that carries several', async () => {
  const log = groupCommit()
  const meter = new Meter({ warmUpMs: 5, measureMs: 100 })
  const { groups } = await runWriters(4, meter, log.write, 25)
  expect(groups).toMatchObject({ median: 100, max: 100 })
  expect(meter.reading().records % 25).toBe(0)
})

test('counts every write of many writers, and times one in eight of each', async () => {
  const log = groupCommit()
  const meter = new Meter({ warmUpMs: 5, measureMs: 100 })
  const took = vi.spyOn(meter, 'took')
  await runWriters(64, meter, log.write)
  const { records } = meter.reading()
  expect(records).toBeGreaterThan(64)
  // Those that a group brings beside the eights of whole ones, where it is the first or the last.
  expect(Math.abs(took.mock.calls.length - records / 8)).toBeLessThan(16)
})

test('times every write of few writers', async () => {
  const log = groupCommit()
  const meter = new Meter({ warmUpMs: 5, measureMs: 100 })
  const took = vi.spyOn(meter, 'took')
  await runWriters(4, meter, log.write)
  expect(took).toHaveBeenCalledTimes(meter.reading().records)
})

test('fails when a write fails', async () => {
  const write = () => Promise.reject(new Error('the disk is full'))
  const meter = new Meter({ warmUpMs: 0, measureMs: 1000 })
  await expect(runWriters(2, meter, write)).rejects.toThrow('the disk is full')
})
