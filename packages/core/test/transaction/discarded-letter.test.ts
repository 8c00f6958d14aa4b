import { setTimeout } from 'node:timers/promises'
import { describe, expect, it } from 'vitest'
import type { DeadLetterQueue } from '../../src/dlq/dlq.ts'
import { memoryDeadLetterQueue } from '../../src/dlq/memory-dlq.ts'
import {
  applied,
  createWal,
  defineTarget,
  fileQueue,
  multiPartitionMutation,
  type Outcome,
  permanent,
  type TransactionStore,
} from '../../src/index.ts'
import { SeededRandom } from '../../src/testing/seeded-random.ts'
import { SimulatedFileSystem } from '../../src/testing/simulated-file-system.ts'
import {
  memoryTransactionStore,
  type TransactionShelf,
} from '../../src/transaction/memory-transactions.ts'
import { openLock } from '../queue/file/support/open-lock.ts'

const seed = Number(process.env['DAYBOOK_SEED'])
const directory = '/wal/rows'

function newDisk(): SimulatedFileSystem {
  return new SimulatedFileSystem({ random: new SeededRandom(seed) })
}

const refuse = (): Outcome => permanent('BROKEN', 'no')

/** A wal whose one target answers so. */
async function openWal(
  disk: SimulatedFileSystem,
  store?: TransactionStore,
  answer = refuse,
  deadLetters?: DeadLetterQueue,
) {
  const target = defineTarget.each(async () => answer(), { idempotency: 'version' })
  const wal = await createWal({
    namespaces: {
      rows: multiPartitionMutation({
        queue: fileQueue({ directory, fileSystem: disk, lock: openLock }),
        targets: { base: target },
        transactions: store ? { store } : {},
        deadLetters,
      }),
    },
  })
  return { wal, rows: wal.namespace('rows') }
}

type Opened = Awaited<ReturnType<typeof openWal>>

/** Transactions that wait as dead letters; their ids. */
async function park({ wal, rows }: Opened, count = 1): Promise<readonly string[]> {
  const ids: string[] = []
  for (let at = 0; at < count; at++) {
    const put = { key: `k${at}`, payload: {} }
    ids.push((await rows.transaction((tx) => tx.put('base', put))).id)
  }
  await wal.start()
  await wal.drain()
  for (const id of ids) expect((await rows.transactionStatus(id))?.state).toBe('parked')
  return ids
}

/** A store whose next head waits; and what tells that it does, and lets it go on. */
function slowStore(shelf?: TransactionShelf) {
  const store = memoryTransactionStore(shelf)
  const put = store.put.bind(store)
  const reached = Promise.withResolvers<void>()
  const gate = Promise.withResolvers<void>()
  let isSlow = false
  store.put = async (head, options) => {
    if (isSlow) reached.resolve()
    if (isSlow) await gate.promise
    return put(head, options)
  }
  const slow = (): void => {
    isSlow = true
  }
  return { store, slow, reached: reached.promise, open: gate.resolve }
}

describe('the discard of a parked transaction', () => {
  it('is finished by a close, which begins no other one', async () => {
    const disk = newDisk()
    const { store, slow, reached, open } = slowStore()
    const states: string[] = []
    const first = await openWal(disk, store)
    const ids = await park(first, 3)
    first.wal.on('transaction', ({ state }) => states.push(state))
    slow()
    const discarding = first.rows.deadLetters.discard({ ids: await lettersOf(first) })
    discarding.catch(() => {})
    await reached
    const closing = first.wal.close()
    await setTimeout(50)
    open()
    await closing
    expect(await discarding).toBe(1)
    expect(states).toEqual(['discarded'])
    const second = await openWal(disk)
    const left = (await second.rows.deadLetters.list()).letters
    expect(left.map(({ stored }) => stored.transaction?.id)).toEqual(ids.slice(1))
    await second.wal.close()
  })

  it.each(['transactions', 'dead-letters'])(
    'leaves none without its letter where the machine stops as it writes its %s',
    async (folder) => {
      const disk = newDisk()
      const first = await openWal(disk)
      const [id = ''] = await park(first)
      disk.fault = ({ path, kind }) =>
        path.includes(`/${folder}/`) && kind.startsWith('write') ? { halt: true } : undefined
      first.rows.deadLetters.discard('all').catch(() => {})
      await disk.halted
      const second = await openWal(disk.crash({ keep: 'none' }))
      expect(await second.rows.deadLetters.discard('all')).toBe(1)
      expect((await second.rows.transactionStatus(id))?.state).toBe('discarded')
      expect(await lettersOf(second)).toEqual([])
      await second.wal.close()
    },
  )

  it('passes over one whose letter was redriven before its turn', async () => {
    const disk = newDisk()
    const shelf: TransactionShelf = new Map()
    const first = await openWal(disk, memoryTransactionStore(shelf))
    const [one = '', two = ''] = await park(first, 2)
    await first.wal.close()
    const { store, slow, reached, open } = slowStore(shelf)
    const second = await openWal(disk, store, () => applied)
    const [, letter = ''] = await lettersOf(second)
    slow()
    const discarding = second.rows.deadLetters.discard('all')
    await reached
    const { redriven } = await second.rows.deadLetters.redrive({ ids: [letter] })
    expect(redriven).toEqual([letter])
    open()
    expect(await discarding).toBe(1)
    await second.wal.start()
    await second.wal.drain()
    expect((await second.rows.transactionStatus(one))?.state).toBe('discarded')
    expect((await second.rows.transactionStatus(two))?.state).toBe('applied')
    await second.wal.close()
  })

  it('leaves none parked without a letter where it is parked once more as its letter is removed', async () => {
    // As where the queue gave the marker out once more, to another process.
    const store = memoryTransactionStore()
    const letters = memoryDeadLetterQueue()
    const remove = letters.remove.bind(letters)
    let isRepeated = false
    const opened = await openWal(newDisk(), store, refuse, letters)
    const [id = ''] = await park(opened)
    const [letter] = (await letters.list({ limit: 1 })).letters
    const put = async (state: 'applying' | 'parked'): Promise<void> => {
      const head = await store.get(id)
      if (head === undefined) throw new Error('no head')
      const { base } = head.targets
      if (base === undefined) throw new Error('no target')
      const targets = { base: { ...base, state } }
      await store.put({ ...head, revision: head.revision + 1, state, targets })
    }
    letters.remove = async (ids) => {
      if (!isRepeated && letter !== undefined) {
        isRepeated = true
        await put('parked')
        await letters.put([letter])
      }
      return remove(ids)
    }
    await put('applying')
    expect(await opened.rows.deadLetters.discard('all')).toBe(1)
    expect(isRepeated).toBe(true)
    expect((await opened.rows.transactionStatus(id))?.state).toBe('discarded')
    await opened.wal.close()
  })
})

async function lettersOf({ rows }: Opened): Promise<readonly string[]> {
  return (await rows.deadLetters.list()).letters.map(({ id }) => id)
}
