import { describe, expect, it } from 'vitest'
import { expectKept } from '../../../../tests/support/expect-kept.ts'
import {
  type ConformanceCase,
  runConformance,
  SeededRandom,
  SimulatedFileSystem,
  type TransactionStoreSubject,
  transactionStoreConformance,
} from '../../src/testing/index.ts'
import { openFileTransactionStore } from '../../src/transaction/file-transactions.ts'
import { memoryTransactionStore } from '../../src/transaction/memory-transactions.ts'
import {
  brokenTransactionStores,
  unreadableTransactionStore,
  wholeTransactionStore,
} from '../testing/broken-transaction-stores.ts'

const seed = Number(process.env['DAYBOOK_SEED'])

describe('the transactions of memoryQueue', () => {
  const create = (): TransactionStoreSubject => {
    const shelf = new Map()
    return { open: () => memoryTransactionStore(shelf) }
  }
  for (const { name, run } of transactionStoreConformance({ create })) it(name, run)
})

describe('the transactions of fileQueue', () => {
  const create = async (): Promise<TransactionStoreSubject> => {
    const random = new SeededRandom(seed)
    const fileSystem = new SimulatedFileSystem({ random })
    await fileSystem.makeDirectory('/transactions')
    const reportError = (error: unknown): void => {
      throw error
    }
    return {
      open: () =>
        openFileTransactionStore({
          directory: '/transactions',
          fileSystem,
          random,
          // Written anew all the time.
          leastDeadBytes: 1000,
          reportError,
        }),
    }
  }
  for (const { name, run } of transactionStoreConformance({ create })) it(`${name}, on disk`, run)
})

describe('transactionStoreConformance', { concurrent: true }, () => {
  const cases = (create: () => TransactionStoreSubject): readonly ConformanceCase[] =>
    transactionStoreConformance({ create, patienceMs: 2_000 })

  for (const { flaw, create, turnsRed } of brokenTransactionStores) {
    it(`finds a store of transactions that ${flaw}`, async () => {
      const all = cases(create)
      expect(all.map(({ name }) => name)).toEqual(expect.arrayContaining([...turnsRed]))
      const results = await runConformance(all.filter(({ name }) => turnsRed.includes(name)))
      for (const { name, failure } of results) {
        expect(failure, `"${name}" stays green`).toMatchObject({ name: 'AssertionError' })
      }
    })
  }

  it('passes the whole store of transactions in the same wrapping', async () => {
    expectKept(await runConformance(cases(wholeTransactionStore)))
    expectKept(await runConformance(cases(unreadableTransactionStore)))
  })

  it('has no case that no broken store of transactions turns red', () => {
    const red = new Set(brokenTransactionStores.flatMap(({ turnsRed }) => turnsRed))
    const names = cases(wholeTransactionStore).map(({ name }) => name)
    expect(names.filter((name) => !red.has(name))).toEqual([])
  })
})
