import { describe, expect, it } from 'vitest'
import {
  createWal,
  memoryQueue,
  multiPartitionMutation,
  type Queue,
  type TransactionStore,
} from '../../src/index.ts'
import { faultyQueue } from '../../src/testing/faulty-queue.ts'
import { recordingTarget } from '../../src/testing/recording-target.ts'
import { memoryTransactionStore } from '../../src/transaction/memory-transactions.ts'

function namespace(store: TransactionStore, queue: Queue = memoryQueue()) {
  const targets = { base: recordingTarget({ idempotency: 'version' }) }
  return multiPartitionMutation({ queue, targets, transactions: { store } })
}

/** A store in memory, and how often it was closed. */
function countedStore(open?: () => Promise<void>) {
  const inner = memoryTransactionStore()
  const close = inner.close.bind(inner)
  const counted = { store: inner, closed: 0 }
  Object.assign(inner, {
    ...(open && { open }),
    close: () => {
      counted.closed++
      return close()
    },
  })
  return counted
}

describe('a store of transactions that is given', () => {
  it('to two namespaces is refused, for each would sweep what is of the other', async () => {
    const store = memoryTransactionStore()
    const opening = createWal({ namespaces: { carts: namespace(store), orders: namespace(store) } })
    await expect(opening).rejects.toMatchObject({ code: 'ERR_CONFIG' })
    await expect(opening).rejects.toThrow(
      /namespaces\.orders\.transactions\.store:? is that of namespaces\.carts as well/,
    )
  })

  it('is closed where it cannot be opened, or a later step of the opening fails', async () => {
    const broken = countedStore(() => Promise.reject(new Error('no tables')))
    const first = createWal({ namespaces: { rows: namespace(broken.store) } })
    await expect(first).rejects.toThrow('no tables')
    expect(broken.closed).toBe(1)
    const sound = countedStore()
    const queue: Queue = {
      ...faultyQueue(memoryQueue(), {}),
      producer: () => Promise.reject(new Error('no producer')),
    }
    const second = createWal({ namespaces: { rows: namespace(sound.store, queue) } })
    await expect(second).rejects.toThrow('no producer')
    expect(sound.closed).toBe(1)
  })
})
