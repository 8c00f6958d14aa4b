// needs: sqs

import {
  applied,
  createWal,
  fanOut,
  queueTarget,
  superseded,
  type Target,
  type,
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

/** A wal that reads the queue into a store which compares versions. */
async function archiveOn(queueUrl: string) {
  const versions = new Map<string, bigint>()
  const rows = new Map<string, Film | undefined>()
  const came = new Set<string>()
  const shelf: Target<Film> = {
    idempotency: 'version',
    async apply(records) {
      return records.map(({ id, key = '', op, payload, version }) => {
        came.add(id)
        if ((versions.get(key) ?? 0n) >= version) return superseded
        versions.set(key, version)
        const before = op === 'patch' ? rows.get(key) : undefined
        rows.set(key, op === 'delete' ? undefined : { ...before, ...payload })
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

test.each(['standard', 'ordered.fifo'])(
  'an SQS queue as a target passes the suite of targets: %s',
  async (name) => {
    const queueUrl = await createQueue(sqs.address, name)
    const archive = await archiveOn(queueUrl)
    const queue = sqsQueue({ client: connect(sqs.address), queueUrl, ...quick })
    const forwarding = queueTarget<Film>({ queue, namespace: 'films' })
    await forwarding.open?.()
    let stores = 0
    const cases = targetConformance<Film>({
      create: () => storeOf(`${++stores}`),
      put: (key, number) => ({ title: `${key} ${number}`, year: number }),
      patch: (_key, number) => ({ year: 2000 + number }),
      ...{ seed: Number(process.env['DAYBOOK_SEED']), patienceMs: 15_000, runs: 8 },
    })
    expectKept(await runConformance(cases, { concurrency: 16 }))
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
        return archive.rows.get(`${store} ${key}`)
      }
      return { target, read }
    }
  },
  120_000,
)
