// needs: kafka

import { randomUUID } from 'node:crypto'
import {
  applied,
  createWal,
  memoryQueue,
  queueTarget,
  superseded,
  type Target,
  type,
  type WalRecord,
} from '@daybook/core'
import { runConformance, targetConformance } from '@daybook/core/testing'
import { type Service, service } from '@daybook/services'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { expectKept } from '../../../../tests/support/expect-kept.ts'
import { kafkaQueue } from '../../src/index.ts'
import { type ClientName, clientFor, clientNames } from '../support/clients.ts'
import { resetPatiently } from '../support/reset.ts'

interface Film {
  readonly title?: string
  readonly year?: number
}

let kafka: Service

beforeAll(async () => {
  kafka = await service('kafka')
})
afterAll(async () => {
  await resetPatiently(kafka)
})

function topicQueue(name: ClientName, topic: string) {
  return kafkaQueue({
    ...{ client: clientFor(name, kafka.address), topic, partitions: 2 },
    ...{ allowUnderReplicated: true, sendTimeoutMs: 5_000, sessionTimeoutMs: 6_000 },
  })
}

/** A wal that reads the topic into a store which compares versions. */
async function archiveOn(name: ClientName, topic: string) {
  const newest = new Map<string, WalRecord<Film>>()
  const rows = new Map<string, Film | undefined>()
  const came = new Map<string, WalRecord<Film>>()
  const shelf: Target<Film> = {
    idempotency: 'version',
    async apply(records) {
      return records.map((record) => {
        const { id, key = '', op, payload, version } = record
        came.set(id, record)
        if ((newest.get(key)?.version ?? 0n) >= version) return superseded
        newest.set(key, record)
        const before = op === 'patch' ? rows.get(key) : undefined
        rows.set(key, op === 'delete' ? undefined : { ...before, ...payload })
        return applied
      })
    },
  }
  const wal = await createWal({
    namespaces: {
      films: { payload: type<Film>(), queue: topicQueue(name, topic), targets: { shelf } },
    },
  })
  wal.on('error', () => {}) // there are some while the broker is away
  await wal.start()
  return { wal, rows, came }
}

describe.each(clientNames)('a topic as a target, through %s', (name) => {
  test('passes the suite of targets', async () => {
    const topic = `forwarded-${randomUUID()}`
    const archive = await archiveOn(name, topic)
    const forwarding = queueTarget<Film>({ queue: topicQueue(name, topic), namespace: 'films' })
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

    /** One topic for all cases: each has keys of its own. */
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
  })
})

test('nothing is lost or spent while the broker of a forwarding target is killed', async () => {
  const pairs = await Promise.all(clientNames.map(forwardingPair))
  for (const { write } of pairs) await write(0, 200)
  const size = (): number => Math.min(...pairs.map(({ archive }) => archive.came.size))
  await expect.poll(size, { timeout: 20_000 }).toBeGreaterThan(50)
  await kafka.kill()
  for (const { write } of pairs) await write(200, 400)
  await kafka.start()
  for (const { wal, archive, letters, versions, state } of pairs) {
    await wal.drain({ timeout: '40s' })
    await expect.poll(() => archive.came.size, { timeout: 40_000 }).toBe(400)
    expect(letters).toEqual([])
    for (const [id, version] of versions) {
      expect(archive.came.get(id)).toMatchObject({ version, origin: 'eu', namespace: 'films' })
    }
    for (const [key, year] of state) expect(archive.rows.get(key)).toEqual({ year })
    await wal.close()
    await archive.wal.close()
  }
})

/** A wal that forwards to a topic, and the wal that reads it. */
async function forwardingPair(name: ClientName) {
  const topic = `killed-${randomUUID()}`
  const archive = await archiveOn(name, topic)
  const target = queueTarget({ queue: topicQueue(name, topic), namespace: 'films' })
  const wal = await createWal({
    region: { name: 'eu', number: 3 },
    namespaces: {
      films: {
        ...{ payload: type<Film>(), queue: memoryQueue(), targets: { archive: target } },
        ...{ retry: { maxAttempts: 2, minDelay: '20ms' } },
        ...{ breaker: { minOpen: '50ms', maxOpen: '500ms' } },
      },
    },
  })
  const letters: unknown[] = []
  wal.on('deadLettered', (letter) => letters.push(letter))
  await wal.start()
  const versions = new Map<string, bigint>()
  const state = new Map<string, number>()
  const write = async (from: number, to: number): Promise<void> => {
    for (let n = from; n < to; n++) {
      const key = `film ${n % 17}`
      const { id, version } = await wal.write('films', { key, payload: { year: n } })
      versions.set(id, version)
      state.set(key, n)
    }
  }
  return { archive, wal, letters, versions, state, write }
}
