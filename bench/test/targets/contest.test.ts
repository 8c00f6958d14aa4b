import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { loopByHand, throughWal } from '../../src/targets/contest.ts'
import { makeItems } from '../../src/targets/items.ts'
import type { StoreRound } from '../../src/targets/store.ts'

let directory: string
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'daybook-targets-'))
})
afterEach(() => rmSync(directory, { recursive: true, force: true }))

/** A store in memory that forgets so many of its keys. */
function memoryStore(forgets = 0) {
  const held = new Set<string>()
  const batches: number[] = []
  const store: StoreRound = {
    target: {
      idempotency: 'version',
      async apply(records) {
        batches.push(records.length)
        for (const { key = '' } of records) held.add(key)
        return undefined
      },
    },
    async writeBatch(items) {
      batches.push(items.length)
      for (const { key } of items) held.add(key)
    },
    count: async () => held.size - forgets,
  }
  return { store, held, batches }
}

const items = makeItems(95, 300)
const pace = { batchRecords: 20, concurrency: 3 }

test('by hand and through the wal the store gets every item, in batches of the size asked for', async () => {
  const byHand = memoryStore()
  expect((await loopByHand(byHand.store, items, pace)).recordsPerSecond).toBeGreaterThan(0)
  expect(byHand.batches).toEqual([20, 20, 20, 20, 15])
  const byWal = memoryStore()
  expect((await throughWal(byWal.store, items, pace, directory)).recordsPerSecond).toBeGreaterThan(
    0,
  )
  expect(Math.max(...byWal.batches)).toBeLessThanOrEqual(20)
  expect(byWal.held).toEqual(byHand.held)
})

test('a side that leaves something out has no figure', async () => {
  const missing = /95 records were written, and the store holds 94/
  await expect(loopByHand(memoryStore(1).store, items, pace)).rejects.toThrow(missing)
  await expect(throughWal(memoryStore(1).store, items, pace, directory)).rejects.toThrow(missing)
})

test('items have keys of their own and the size asked for', () => {
  expect(new Set(items.map(({ key }) => key)).size).toBe(95)
  for (const { payload } of items) expect(JSON.stringify(payload).length).toBe(300)
})
