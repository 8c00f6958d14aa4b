import { expect, it } from 'vitest'
import { createWal, memoryQueue, multiPartitionMutation, type Target } from '../../src/index.ts'
import { memoryTransactionStore } from '../../src/transaction/memory-transactions.ts'
import { boundStore } from './support/bound-store.ts'

it('while the end of a transaction is noted others are applied: four times as many at most as may be at the target', async () => {
  const kept = memoryTransactionStore()
  const gate = Promise.withResolvers<void>()
  const store = {
    ...boundStore(kept),
    put: async (...[head, how]: Parameters<typeof kept.put>) => {
      if (head.state === 'applied') await gate.promise
      return kept.put(head, how)
    },
  }
  const given: string[] = []
  let atOnce = 0
  let mostAtOnce = 0
  const base: Target = {
    idempotency: 'version',
    async apply([record]) {
      mostAtOnce = Math.max(mostAtOnce, ++atOnce)
      await new Promise((resolve) => setImmediate(resolve))
      given.push(record?.key ?? '')
      atOnce--
    },
  }
  const preset = multiPartitionMutation({
    ...{ queue: memoryQueue(), targets: { base }, transactions: { store }, concurrency: 2 },
  })
  const wal = await createWal({ namespaces: { rows: preset } })
  const transact = (key: string) =>
    wal.namespace('rows').transaction((tx) => tx.put('base', { key, payload: 1 }))
  for (let count = 0; count < 20; count++) await transact(`k${count}`)
  // It waits for one whose end is not noted, whatever room there is.
  await transact('k0')
  await wal.start()
  await expect.poll(() => given.length).toBe(8)
  await new Promise((resolve) => setTimeout(resolve, 20))
  expect(given).toEqual(Array.from({ length: 8 }, (_, at) => `k${at}`))
  expect(mostAtOnce).toBe(2)
  gate.resolve()
  await wal.drain()
  expect(given).toHaveLength(21)
  expect(mostAtOnce).toBe(2)
  await wal.close()
})
