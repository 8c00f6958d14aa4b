import { setImmediate as turn } from 'node:timers/promises'
import { expect, it } from 'vitest'
import { SeededRandom } from '../../src/testing/seeded-random.ts'
import { openFileTransactionStore } from '../../src/transaction/file-transactions.ts'
import type { TransactionHead } from '../../src/transaction/transaction-store.ts'
import { ReadsAtOnce } from '../support/reads-at-once.ts'

function headOf(id: string): TransactionHead {
  const times = { openedAt: 1, changedAt: 1 }
  const sums = { mutations: 1, bytes: 3000, chunks: 1, checksum: 7, span: 1 }
  return { id, revision: 1, state: 'sealed', ...times, ...sums, version: undefined, targets: {} }
}

it('many transactions are read at once for a new file of them, and none gets lost or mixed up', async () => {
  const disk = new ReadsAtOnce('.journal')
  const store = await openFileTransactionStore({
    directory: await disk.directory(),
    fileSystem: disk.fileSystem,
    random: new SeededRandom(1),
    leastDeadBytes: 100_000,
    reportError: (error) => {
      throw error
    },
  })
  disk.rewrites = 0
  const chunkOf = (at: number): Uint8Array => new Uint8Array(3000).fill(at)
  for (let at = 0; at < 150; at++) await store.create(headOf(`id${at}`), [chunkOf(at)])
  for (let at = 0; at < 80; at++) await store.remove(`id${at}`)
  while (disk.rewrites === 0) await turn()
  for (let at = 80; at < 150; at++) {
    expect(await store.get(`id${at}`)).toEqual(headOf(`id${at}`))
    expect(Buffer.compare((await store.chunk(`id${at}`, 0)) ?? new Uint8Array(), chunkOf(at))).toBe(
      0,
    )
  }
  expect(disk.most).toBeGreaterThan(8)
  await store.close()
})
