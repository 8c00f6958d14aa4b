import { Buffer } from 'node:buffer'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { machineNow, paced } from '../../src/regions/pace.ts'
import { Latencies, missingArrivals } from '../../src/regions/region.ts'
import { Rendezvous } from '../../src/regions/rendezvous.ts'
import { SyncedLog } from '../../src/regions/synced-log.ts'

let directory: string
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'daybook-regions-'))
})
afterEach(() => rmSync(directory, { recursive: true, force: true }))

test('all writes of a pace are begun, each due at its own instant and none before it', async () => {
  const dues: number[] = []
  const early: number[] = []
  const written = await paced({ perSecond: 500, durationMs: 100 }, (dueAt) => {
    dues.push(dueAt)
    if (machineNow() < dueAt) early.push(dueAt)
  })
  expect([written, dues.length, early.length]).toEqual([50, 50, 0])
  for (const [at, due] of dues.entries()) expect(due - (dues[0] ?? 0)).toBeCloseTo(at * 2, 6)
})

test('what was due during the warm-up does not count', () => {
  const latencies = new Latencies(100)
  latencies.add(99, 500)
  latencies.add(100, 103)
  latencies.add(200, 207)
  expect([...latencies.values]).toEqual([3, 7])
})

test('processes that meet learn what each of them has said, and wait for the last', async () => {
  const [a, b] = ['a', 'b'].map((name) => new Rendezvous(directory, name, ['a', 'b'])) as [
    Rendezvous,
    Rendezvous,
  ]
  let isThere = false
  const meeting = a.meet('port', '1').then((words) => {
    isThere = true
    return words
  })
  await sleep(30)
  expect(isThere).toBe(false)
  await b.meet('port', '2')
  expect(await meeting).toEqual({ a: '1', b: '2' })
})

test('the bare log has all that it calls synced, in the order in which it came', async () => {
  const path = join(directory, 'log')
  const log = await SyncedLog.open(path, 10)
  const synced: string[] = []
  for (const text of ['one', 'two', 'three']) {
    const records = Buffer.from(text)
    log.add({ records, synced: () => synced.push(readFileSync(path, 'latin1').slice(0, 11)) })
  }
  await log.close()
  expect(synced).toHaveLength(3)
  expect(synced.at(-1)).toBe('onetwothree')
  expect(synced[0]).toMatch(/^one/)
})

test('a record that never came to a region fails the run', () => {
  const region = (written: number, arrived: number) => ({ written, arrived })
  expect(missingArrivals([region(5, 7), region(7, 5)])).toBeUndefined()
  expect(missingArrivals([region(5, 6), region(7, 5)])).toBe(
    '7 records were written elsewhere and 6 came to region 1',
  )
})
