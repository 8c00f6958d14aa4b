import { expect, it } from 'vitest'
import {
  applied,
  createWal,
  defineTarget,
  fileQueue,
  multiPartitionMutation,
  permanent,
  type TransactionHead,
  type TransactionStore,
} from '../../src/index.ts'
import { SeededRandom } from '../../src/testing/seeded-random.ts'
import { SimulatedFileSystem } from '../../src/testing/simulated-file-system.ts'
import { memoryTransactionStore } from '../../src/transaction/memory-transactions.ts'
import { openLock } from '../queue/file/support/open-lock.ts'

const seed = Number(process.env['DAYBOOK_SEED'])

/** Makes every change; of the first that brings a transaction into this state nobody hears that. */
function deafStore(state: TransactionHead['state']): TransactionStore {
  const store = memoryTransactionStore()
  let isDeaf = true
  const heard = async (head: TransactionHead, made: Promise<boolean>): Promise<boolean> => {
    const isMade = await made
    if (!isDeaf || head.state !== state) return isMade
    isDeaf = false
    throw new Error('no answer')
  }
  return Object.assign(Object.create(store), {
    create: (...given: Parameters<TransactionStore['create']>) =>
      heard(given[0], store.create(...given)),
    put: (head: TransactionHead) => heard(head, store.put(head)),
    ...{ addChunk: store.addChunk.bind(store), chunk: store.chunk.bind(store) },
    ...{ get: store.get.bind(store), list: store.list.bind(store) },
    ...{ remove: store.remove.bind(store), close: store.close.bind(store) },
  })
}

it.each(['sealed', 'applying', 'parked', 'applied', 'discarded'] as const)(
  'each transition has one event, also where nobody hears from the store that it is %s',
  async (deafAt) => {
    let isBroken = true
    const target = defineTarget.each(async () => (isBroken ? permanent('BROKEN', 'no') : applied), {
      idempotency: 'version',
    })
    const fileSystem = new SimulatedFileSystem({ random: new SeededRandom(seed) })
    const wal = await createWal({
      namespaces: {
        rows: multiPartitionMutation({
          queue: fileQueue({ directory: '/wal/rows', fileSystem, lock: openLock }),
          targets: { base: target },
          retry: { minDelay: 1, maxDelay: 2 },
          transactions: { store: deafStore(deafAt) },
        }),
      },
    })
    wal.on('error', () => {})
    const rows = wal.namespace('rows')
    const states: string[] = []
    wal.on('transaction', ({ state }) => states.push(state))
    await wal.start()
    await rows.transaction((tx) => tx.put('base', { key: 'a', payload: {} }))
    await wal.drain()
    const seen = ['sealed', 'applying', 'parked']
    expect(states).toEqual(seen)
    if (deafAt === 'discarded') await rows.deadLetters.discard('all')
    else {
      isBroken = false
      await rows.deadLetters.redrive('all')
      await wal.drain()
    }
    const end = deafAt === 'discarded' ? ['discarded'] : ['applying', 'applied']
    expect(states).toEqual([...seen, ...end])
    await wal.close()
  },
)
