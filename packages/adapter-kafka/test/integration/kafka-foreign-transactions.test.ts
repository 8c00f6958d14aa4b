// needs: kafka

import { randomUUID } from 'node:crypto'
import { type Service, service } from '@daybook/services'
import { Kafka, logLevel } from 'kafkajs'
import { afterAll, beforeAll, expect, test, vi } from 'vitest'
import type { KafkaClient, KafkaEntry, KafkaGroup } from '../../src/index.ts'
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

/** On a machine that is busy with other suites it takes a while. */
const timeout = 30_000

/** More than half of what a client fetches at once. */
const large = 700_000

/** What another application's transactional producer does, one transaction after the other. */
const transactions = [
  { values: ['first'], end: 'commit' },
  { values: ['lost'], end: 'abort' },
  { values: ['lost', 'lost'], end: 'abort' },
  { values: ['second'], end: 'commit' },
  { values: Array.from({ length: 3 }, () => 'lost'.padEnd(large, ' ')), end: 'abort' },
  { values: ['third'], end: 'commit' },
  { values: ['lost'], end: 'abort' },
] as const

/** Each record takes an offset, and so does what ends a transaction. */
const end = transactions.reduce((sum, { values }) => sum + values.length + 1, 0)

/** A topic that ends with an aborted transaction. */
async function writtenTopic(client: KafkaClient) {
  const topic = `foreign-${randomUUID()}`
  const admin = await client.admin()
  await admin.create([{ topic, partitions: 1, replicas: 1, settings: new Map() }])
  await vi.waitUntil(async () => (await admin.topic(topic))?.hasLeaders, { timeout })
  const retry = { initialRetryTime: 50, retries: 12 }
  const foreign = new Kafka({ brokers: [kafka.address], logLevel: logLevel.NOTHING, retry })
  const producer = foreign.producer({
    transactionalId: topic,
    idempotent: true,
    maxInFlightRequests: 1,
  })
  await producer.connect()
  for (const { values, end } of transactions) {
    const transaction = await producer.transaction()
    for (const value of values) await transaction.send({ topic, messages: [{ value }] })
    await transaction[end]()
  }
  await producer.disconnect()
  // An end is answered before the broker has written it: until then the topic is shorter for readers.
  await vi.waitUntil(async () => (await admin.bounds(topic))[0]?.next === end, { timeout })
  await admin.close()
  return topic
}

const valuesOf = (entries: readonly KafkaEntry[]) =>
  entries.map(({ value }) => value?.toString().trim())

test.concurrent.each(clientNames)(
  'a reader gives what others have committed, and ends behind what they aborted, through %s',
  async (name) => {
    const client = clientFor(name, kafka.address)
    const topic = await writtenTopic(client)
    const reader = await client.reader(topic)
    const read = async (from: number) => {
      const found: KafkaEntry[] = []
      for await (const lot of reader.read(0, from, end)) found.push(...lot)
      return found
    }
    const found = await read(0)
    expect(valuesOf(found)).toEqual(['first', 'second', 'third'])
    // From within, and from behind the last that counts.
    for (const from of [1, 3, (found[1]?.offset ?? 0) + 1]) {
      expect(await read(from)).toEqual(found.filter(({ offset }) => offset >= from))
    }
    expect(await read(end - 1)).toEqual([])
    await reader.close()
  },
)

test.concurrent.each(clientNames)(
  'a member of a group gets what others have committed, and comes to the end of what they aborted, through %s',
  async (name) => {
    const client = clientFor(name, kafka.address)
    const topic = await writtenTopic(client)
    const found: KafkaEntry[] = []
    let reached = 0
    let group: KafkaGroup | undefined
    let isAssigned = false
    const place = { topic, partition: 0 }
    group = await client.group(
      { group: topic, topics: [topic], sessionTimeoutMs: 10_000 },
      {
        assigned: (places) => {
          isAssigned = places.length > 0
          if (isAssigned) group?.read(place, reached)
        },
        rebalancing: () => {},
        entries: (_, entries, next) => {
          found.push(...entries.filter(({ offset }) => offset >= reached))
          reached = Math.max(reached, next)
        },
        failed: () => {},
      },
    )
    if (isAssigned) group.read(place, 0)
    await vi.waitUntil(() => reached >= end, { timeout })
    expect(reached).toBe(end)
    expect(valuesOf(found)).toEqual(['first', 'second', 'third'])
    await group.close()
  },
)
