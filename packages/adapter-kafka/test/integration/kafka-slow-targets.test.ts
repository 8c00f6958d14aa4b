// needs: kafka

import { randomUUID } from 'node:crypto'
import { setTimeout as sleep } from 'node:timers/promises'
import { createWal, defineTarget, fanOut, type } from '@daybook/core'
import { type Service, service } from '@daybook/services'
import { afterAll, beforeAll, test } from 'vitest'
import { type KafkaClient, kafkaQueue } from '../../src/index.ts'
import { clientFor, clientNames } from '../support/clients.ts'
import { awaitCoordinator } from '../support/coordinator.ts'
import { resetPatiently } from '../support/reset.ts'

let kafka: Service

beforeAll(async () => {
  kafka = await service('kafka')
  await awaitCoordinator(kafka.address)
})
afterAll(async () => {
  await resetPatiently(kafka)
})

interface Film {
  readonly n: number
}

type Apply = (n: number, signal: AbortSignal) => Promise<void>

async function walOn(client: KafkaClient, topic: string, apply: Apply) {
  const store = defineTarget.each<Film>(
    ({ payload }, { signal }) => apply(payload?.n ?? -1, signal),
    { idempotency: 'id' },
  )
  const queue = kafkaQueue({
    ...{ client, topic, partitions: 1, allowUnderReplicated: true },
    ...{ sessionTimeoutMs: 6_000, bufferRecords: 50 },
  })
  const targets = { store }
  return createWal({
    // So many are handed out beside those that are read ahead.
    shards: { slow: { concurrency: 20 } },
    namespaces: {
      films: fanOut({
        ...{ payload: type<Film>(), shard: 'slow', queue, targets },
        applyTimeout: '60s',
      }),
    },
  })
}

/** A client that counts the entries of a topic which its members are given. */
function counting(client: KafkaClient, topic: string) {
  const given = { entries: 0 }
  const counted: KafkaClient = {
    ...client,
    group: (options, listener) =>
      client.group(options, {
        assigned: (places) => listener.assigned(places),
        rebalancing: () => listener.rebalancing(),
        failed: (error) => listener.failed(error),
        entries(place, entries, next) {
          if (place.topic === topic) given.entries += entries.length
          listener.entries(place, entries, next)
        },
      }),
  }
  return { client: counted, given }
}

test.concurrent.for(clientNames)(
  'an application that takes longer than the session keeps its partition, through %s',
  async (name, { expect, onTestFinished }) => {
    const topic = `long-${randomUUID()}`
    const begun: number[] = []
    const aborted: number[] = []
    const apply: Apply = async (n, signal) => {
      begun.push(n)
      signal.addEventListener('abort', () => aborted.push(n))
      if (n === 0) await sleep(14_000)
    }
    const open = async () => {
      const wal = await walOn(clientFor(name, kafka.address), topic, apply)
      onTestFinished(() => wal.close({ timeout: '5s' }))
      return wal
    }
    const first = await open()
    await first.start()
    for (const n of [0, 1]) await first.write('films', { key: 'a film', payload: { n } })
    await expect.poll(() => begun, { timeout: 20_000 }).toEqual([0])
    await first.drain({ timeout: '40s' })
    expect({ begun, aborted }).toEqual({ begun: [0, 1], aborted: [] })
  },
)

test.concurrent.for(clientNames)(
  'a partition whose records nobody takes is read no further, and read on once they are, through %s',
  async (name, { expect, onTestFinished }) => {
    const topic = `full-${randomUUID()}`
    const { client, given } = counting(clientFor(name, kafka.address), topic)
    const { promise: isFree, resolve: letGo } = Promise.withResolvers<void>()
    const applied = new Set<number>()
    const wal = await walOn(client, topic, async (n) => {
      await isFree
      applied.add(n)
    })
    onTestFinished(() => wal.close({ timeout: '5s' }))
    onTestFinished(() => letGo())
    await wal.start()
    const write = async (from: number, to: number): Promise<void> => {
      for (let n = from; n < to; n++) {
        await wal.write('films', { key: `film ${n}`, payload: { n } })
      }
    }
    // What was on its way as the partition was full still comes.
    await write(0, 300)
    await sleep(1_000)
    const atFirst = given.entries
    expect(atFirst).toBeLessThan(300)
    await write(300, 600)
    await sleep(1_500)
    expect(given.entries).toBe(atFirst)
    letGo()
    await expect.poll(() => applied.size, { timeout: 30_000 }).toBe(600)
  },
)
