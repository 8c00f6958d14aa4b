import { describe, expect, it } from 'vitest'
import {
  createWal,
  memoryQueue,
  multiPartitionMutation,
  type Queue,
  type StoredRecord,
  type TransactionStore,
  type TransactionStoreContext,
} from '../../src/index.ts'
import { faultyQueue } from '../../src/testing/faulty-queue.ts'
import { recordingTarget } from '../../src/testing/recording-target.ts'
import { VirtualClock } from '../../src/testing/virtual-clock.ts'
import { memoryTransactionStore } from '../../src/transaction/memory-transactions.ts'

const minuteMs = 60_000

/** A queue that processes share, for all that core knows, and a way to have it hand out again what it was sent. */
function sharedQueue(handsOutForMs: number | undefined) {
  const inner = memoryQueue()
  const sent: StoredRecord[] = []
  const noted = faultyQueue(inner, {
    send: (record) => {
      sent.push(record)
      return undefined
    },
  })
  const queue: Queue = {
    ...noted,
    supports: { ...inner.supports, shared: true },
    ...(handsOutForMs !== undefined && { handsOutForMs: () => handsOutForMs }),
  }
  const handOutAgain = async (): Promise<void> => {
    await (await inner.producer()).send([...sent], {})
  }
  return { queue, handOutAgain }
}

async function openWal(handsOutForMs: number | undefined, keep: number) {
  const clock = new VirtualClock()
  const told: TransactionStoreContext[] = []
  const store: TransactionStore = Object.assign(memoryTransactionStore(), {
    open: async (context: TransactionStoreContext) => void told.push(context),
  })
  const { queue, handOutAgain } = sharedQueue(handsOutForMs)
  const target = recordingTarget({ idempotency: 'version' })
  const wal = await createWal({
    clock,
    namespaces: {
      rows: multiPartitionMutation({
        ...{ queue, targets: { base: target }, transactions: { store, keep } },
      }),
    },
  })
  const rows = wal.namespace('rows')
  const { id } = await rows.transaction((tx) => tx.put('base', { key: 'k', payload: 1 }))
  await wal.start()
  await clock.runUntil(wal.drain())
  const letters = async () => (await rows.deadLetters.list()).letters
  return { wal, clock, rows, id, told, letters, handOutAgain, target }
}

describe('a transaction that was applied on a queue that processes share', () => {
  it('is known for as long as the queue may hand its marker out, however short keep is', async () => {
    const { wal, clock, rows, id, told, letters, handOutAgain, target } = await openWal(
      60 * minuteMs,
      minuteMs,
    )
    expect(told).toMatchObject([{ namespace: 'rows', keepMs: 60 * minuteMs }])
    await clock.advance(58 * minuteMs)
    await handOutAgain()
    await clock.advance(minuteMs)
    expect(await rows.transactionStatus(id)).toMatchObject({ state: 'applied' })
    await clock.advance(30 * minuteMs)
    expect(await letters()).toEqual([])
    expect(target.applied).toHaveLength(1)
    expect(await rows.transactionStatus(id)).toBeUndefined()
    await clock.runUntil(wal.close())
  })

  it('is known for keep where the queue does not tell, and its letter says then that it may have been applied', async () => {
    const { wal, clock, told, letters, handOutAgain } = await openWal(undefined, minuteMs)
    expect(told).toMatchObject([{ namespace: 'rows', keepMs: minuteMs }])
    await clock.advance(10 * minuteMs)
    await handOutAgain()
    await clock.advance(30 * minuteMs)
    const [letter] = await letters()
    expect(letter?.message).toContain('It may have been applied, and forgotten since')
    await clock.runUntil(wal.close())
  })
})
