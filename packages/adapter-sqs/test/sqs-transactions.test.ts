import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import {
  createWal,
  multiPartitionMutation,
  type TransactionStoreContext,
  type,
} from '@daybook/core'
import { memoryTransactionStore, recordingTarget, VirtualClock } from '@daybook/core/testing'
import { expect, test } from 'vitest'
import { directoryStore, sqsQueue } from '../src/index.ts'
import { SqsModel } from '../src/testing/index.ts'

test.each(['rows.fifo', 'rows'])(
  'transactions go through the SQS queue %s, also where the process that sealed them is gone',
  async (name) => {
    const clock = new VirtualClock()
    const model = new SqsModel({ clock })
    const queueUrl = model.createQueue(name)
    const letters = await mkdtemp(join(tmpdir(), 'daybook-transactions-'))
    const shelf = new Map()
    const target = recordingTarget<number>({ idempotency: 'version' })
    const open = () =>
      createWal({
        clock,
        namespaces: {
          rows: multiPartitionMutation({
            payload: type<number>(),
            queue: sqsQueue({
              client: model,
              queueUrl,
              deadLetterStore: directoryStore(letters),
            }),
            order: name === 'rows' ? 'none' : 'key',
            targets: { base: target },
            transactions: { store: memoryTransactionStore(shelf) },
          }),
        },
      })
    const writer = await open()
    const { id } = await writer.namespace('rows').transaction(async (tx) => {
      for (let at = 0; at < 3; at++) await tx.put('base', { key: `k${at}`, payload: at })
    })
    await clock.runUntil(writer.close())
    const reader = await open()
    await reader.start()
    await clock.runUntil(reader.drain())
    const status = await reader.namespace('rows').transactionStatus(id)
    expect(status).toMatchObject({ state: 'applied', targets: { base: { applied: 3 } } })
    expect(target.applied.map(({ key }) => key)).toEqual(['k0', 'k1', 'k2'])
    await clock.runUntil(reader.close())
    await rm(letters, { recursive: true })
  },
)

test.each([
  [{}, 3],
  [{ base: 'base' }, 3 + 2],
])(
  'the status of a transaction is kept for as long as SQS may hand its marker out: %o',
  async (own, days) => {
    const dayMs = 86_400_000
    const clock = new VirtualClock()
    const model = new SqsModel({ clock })
    const queueUrl = model.createQueue('rows', { retentionMs: 3 * dayMs })
    const ownUrl = model.createQueue('base', { retentionMs: 2 * dayMs })
    const targetQueueUrls = Object.fromEntries(Object.keys(own).map((target) => [target, ownUrl]))
    const letters = await mkdtemp(join(tmpdir(), 'daybook-transactions-'))
    const told: TransactionStoreContext[] = []
    const store = Object.assign(memoryTransactionStore(), {
      open: async (context: TransactionStoreContext) => void told.push(context),
    })
    const wal = await createWal({
      clock,
      namespaces: {
        rows: multiPartitionMutation({
          queue: sqsQueue({
            ...{ client: model, queueUrl, deadLetterStore: directoryStore(letters) },
            ...(days > 3 && { targetQueueUrls }),
          }),
          order: 'none',
          ...{ targets: { base: recordingTarget() }, transactions: { store } },
        }),
      },
    })
    await clock.runUntil(wal.close())
    expect(told).toMatchObject([{ namespace: 'rows', keepMs: days * dayMs }])
    await rm(letters, { recursive: true })
  },
)
