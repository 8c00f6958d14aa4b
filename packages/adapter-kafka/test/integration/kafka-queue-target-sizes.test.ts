// needs: kafka

import { randomBytes, randomUUID } from 'node:crypto'
import { setTimeout as sleep } from 'node:timers/promises'
import { createWal, type DeadLetter, defineTarget, type } from '@daybook/core'
import { type Service, service } from '@daybook/services'
import { ConfigResourceTypes, Kafka, logLevel } from 'kafkajs'
import { afterAll, beforeAll, expect, test, vi } from 'vitest'
import { type KafkaClient, kafkaQueue } from '../../src/index.ts'
import { forwardingPair } from '../support/archive.ts'
import { clientFor, clientNames } from '../support/clients.ts'
import { resetPatiently } from '../support/reset.ts'

let kafka: Service

beforeAll(async () => {
  kafka = await service('kafka')
})
afterAll(async () => {
  await resetPatiently(kafka)
})

const patience = { timeout: 30_000, interval: 20 }

/** A topic may be told to take less while it is written to. What it refuses then is a batch, for its size as a whole. */
async function allowBytes(topic: string, bytes: number): Promise<void> {
  const admin = new Kafka({ brokers: [kafka.address], logLevel: logLevel.NOTHING }).admin()
  await admin.connect()
  const configEntries = [{ name: 'max.message.bytes', value: `${bytes}` }]
  const place = { type: ConfigResourceTypes.TOPIC, name: topic }
  await admin.alterConfigs({ validateOnly: false, resources: [{ ...place, configEntries }] })
  await vi.waitFor(async () => {
    const asked = { ...place, configNames: ['max.message.bytes'] }
    const told = await admin.describeConfigs({ includeSynonyms: false, resources: [asked] })
    expect(told.resources[0]?.configEntries[0]?.configValue).toBe(`${bytes}`)
  }, patience)
  await admin.disconnect()
  // A broker tells of it a moment before it holds a partition to it.
  await sleep(500)
}

test.concurrent.for(clientNames)(
  'of what is forwarded to a topic that takes less than it did only the records that are too large are dead letters, through %s',
  async (name, { expect }) => {
    const topic = `smaller-${randomUUID()}`
    const { wal, archive, letters } = await forwardingPair({ name, broker: kafka.address, topic })
    const write = (key: string, bytes: number) => {
      const title = randomBytes(bytes / 2).toString('hex')
      return wal.write('films', { key, payload: { title } })
    }
    await write('first', 100)
    await vi.waitFor(() => expect(archive.came.size).toBe(1), patience)
    await allowBytes(topic, 10_000)
    const good: string[] = []
    for (let n = 0; n < 60; n++) {
      if (n % 20 === 7) await write(`large ${n}`, 50_000)
      good.push((await write(`film ${n}`, 1_000)).id)
    }
    await wal.drain({ timeout: '30s' })
    const found = (letters as DeadLetter[]).map(({ code, record, attemptsSpent }) => {
      return [record?.key, code, attemptsSpent]
    })
    const large = ['large 27', 'large 47', 'large 7']
    expect(found.sort()).toEqual(large.map((key) => [key, 'ERR_PAYLOAD_TOO_LARGE', 1]))
    expect((await wal.status()).namespaces.films.targets.archive.delivery?.retried).toBe(0)
    const missing = () => good.filter((id) => !archive.came.has(id))
    await vi.waitFor(() => expect(missing()).toEqual([]), patience)
    await wal.close()
    await archive.wal.close()
  },
)

/** A client that notes how many messages it has stored together. */
function countingClient(client: KafkaClient, stored: number[]): KafkaClient {
  return {
    name: client.name,
    admin: () => client.admin(),
    group: (options, listener) => client.group(options, listener),
    reader: (topic) => client.reader(topic),
    async sender() {
      const sender = await client.sender()
      return {
        async send(place, messages, signal) {
          await sender.send(place, messages, signal)
          stored.push(messages.length)
        },
        close: () => sender.close(),
      }
    },
  }
}

test.concurrent.for(clientNames)(
  'a topic that takes less than it did is given smaller batches, and larger ones once it takes more again, through %s',
  async (name, { expect }) => {
    const topic = `less-and-more-${randomUUID()}`
    const stored: number[] = []
    const client = countingClient(clientFor(name, kafka.address), stored)
    const queue = kafkaQueue({ client, topic, partitions: 1, allowUnderReplicated: true })
    const target = defineTarget(async () => {})
    const wal = await createWal({
      namespaces: { films: { payload: type<{ title: string }>(), queue, targets: { target } } },
    })
    /** The largest batch of sixty records that are written at once; 0 where some of them were refused. */
    const largest = async (): Promise<number> => {
      stored.length = 0
      const payload = { title: randomBytes(500).toString('hex') }
      const writing = Array.from({ length: 60 }, () => wal.tryWrite('films', { key: 'a', payload }))
      const receipts = await Promise.all(writing)
      return receipts.every(({ durable }) => durable === 'yes') ? Math.max(...stored) : 0
    }
    expect(await largest()).toBeGreaterThan(30)
    await allowBytes(topic, 10_000)
    await expect.poll(largest, patience).toBeGreaterThan(0)
    expect(await largest()).toBeLessThan(10)
    await allowBytes(topic, 1_000_000)
    await expect.poll(largest, { timeout: 30_000, interval: 500 }).toBeGreaterThan(30)
    await wal.close()
  },
)
