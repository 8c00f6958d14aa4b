// needs: sqs

import {
  applied,
  changeRow,
  createWal,
  fanOut,
  type NoChange,
  queueTarget,
  type RowChange,
  superseded,
  type Target,
  type,
  type VersionedRow,
} from '@daybook/core'
import { runConformance, targetConformance } from '@daybook/core/testing'
import type { Service } from '@daybook/services'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { expectKept } from '../../../../tests/support/expect-kept.ts'
import { sqsQueue } from '../../src/index.ts'
import { memoryServer } from '../support/memory-server.ts'
import { connect, createQueue, disconnectAll } from '../support/server-queues.ts'

let sqs: Service

beforeEach(async () => {
  sqs = await memoryServer()
  await sqs.reset()
})
afterEach(disconnectAll)

interface Film {
  readonly title?: string
  readonly year?: number
}

const quick = { waitMs: 1_000, visibilityMs: 20_000, requestTimeoutMs: 10_000 }

/** What a row came to by a change; undefined where it is older than what is held. */
type Change = (row: VersionedRow, change: RowChange) => VersionedRow | NoChange

/** For changes in their order: one version for the whole row. Were an older patch to come later, it would be left out. */
const inSequence: Change = (row, { op, version, payload }) => {
  if (version <= row.since) return 'superseded'
  const before = op === 'patch' ? (row.value as Film | undefined) : undefined
  const value = op === 'delete' ? undefined : { ...before, ...(payload as Film) }
  return { ...nothing, since: version, value }
}

const nothing: VersionedRow = { since: 0n, value: undefined, part: {}, patched: new Map() }

/** A wal that reads the queue into a store which compares versions: of fields, where the queue keeps no order. */
async function archiveOn(queueUrl: string) {
  const change = queueUrl.endsWith('.fifo') ? inSequence : changeRow
  const rows = new Map<string, VersionedRow>()
  const came = new Set<string>()
  const shelf: Target<Film> = {
    idempotency: 'version',
    async apply(records) {
      return records.map((record) => {
        const { id, key = '' } = record
        came.add(id)
        const row = change(rows.get(key) ?? nothing, record)
        if (row === 'superseded') return superseded
        if (typeof row !== 'string') rows.set(key, row)
        return applied
      })
    },
  }
  const queue = sqsQueue({ client: connect(sqs.address), queueUrl, ...quick })
  const wal = await createWal({
    namespaces: {
      films: fanOut({
        ...{ payload: type<Film>(), queue, targets: { shelf } },
        ...{ order: queue.supports.order, deadLetters: 'off' },
      }),
    },
  })
  await wal.start()
  return { wal, rows, came }
}

const queueNames = ['standard', 'ordered.fifo']
const inOrder = 'ends in the state of the versions after redelivery in order'

test.each(queueNames)(
  'an SQS queue as a target passes the suite of targets: %s',
  async (name) => {
    const queueUrl = await createQueue(sqs.address, name)
    const archive = await archiveOn(queueUrl)
    const queue = sqsQueue({ client: connect(sqs.address), queueUrl, ...quick })
    const forwarding = queueTarget<Film>({ queue, namespace: 'films' })
    await forwarding.open?.()
    let stores = 0
    const casesOf = (runs: number, seed: number) =>
      targetConformance<Film>({
        create: () => storeOf(`${++stores}`),
        put: (key, number) => ({ title: `${key} ${number}`, year: number }),
        patch: (_key, number) => ({ year: 2000 + number }),
        ...{ seed, runs, patienceMs: 30_000 },
      })
    const seed = Number(process.env['DAYBOOK_SEED']) + 100_000 * queueNames.indexOf(name)
    expectKept(await runConformance(casesOf(1, seed), { concurrency: 16 }))
    // Into both queues together: five hundred histories.
    const lanes = Array.from({ length: 32 }, (_, lane) => casesOf(8, seed + lane * 8))
    const histories = lanes.flatMap((cases) => cases.filter((one) => one.name === inOrder))
    expect(histories).toHaveLength(lanes.length)
    expectKept(await runConformance(histories, { concurrency: lanes.length }))
    await forwarding.close?.()
    await archive.wal.close()

    /** One queue for all cases: each has keys of its own. */
    function storeOf(store: string) {
      const sent = new Set<string>()
      const target: Target<Film> = {
        idempotency: forwarding.idempotency,
        largestBatch: forwarding.largestBatch,
        async apply(records, context) {
          for (const { id } of records) sent.add(id)
          const own = records.map((record) => ({ ...record, key: `${store} ${record.key}` }))
          return forwarding.apply(own, context)
        },
      }
      const read = async (key: string) => {
        const isThere = (): boolean => [...sent].every((id) => archive.came.has(id))
        await expect.poll(isThere, { timeout: 15_000, interval: 5 }).toBe(true)
        return archive.rows.get(`${store} ${key}`)?.value
      }
      return { target, read }
    }
  },
  120_000,
)
