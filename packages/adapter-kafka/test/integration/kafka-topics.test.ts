// needs: kafka

import { randomUUID } from 'node:crypto'
import {
  createWal,
  fanOut,
  type QueueContext,
  systemClock,
  systemRandom,
  type,
} from '@daybook/core'
import { recordingTarget } from '@daybook/core/testing'
import { type Service, service } from '@daybook/services'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { type KafkaQueueOptions, kafkaQueue } from '../../src/index.ts'
import { type ClientName, clientFor, clientNames } from '../support/clients.ts'
import { resetPatiently } from '../support/reset.ts'

let kafka: Service

beforeAll(async () => {
  kafka = await service('kafka')
})
afterAll(async () => {
  await resetPatiently(kafka)
})

/** Opens a queue and closes it. */
async function open(
  name: ClientName,
  options: Omit<KafkaQueueOptions, 'client'>,
  context: Partial<QueueContext> = {},
): Promise<void> {
  const queue = kafkaQueue({ client: clientFor(name, kafka.address), ...options })
  await queue.open({
    namespace: 'films',
    targets: ['store'],
    directory: undefined,
    clock: systemClock,
    random: systemRandom,
    reportError: () => {},
    ...context,
  })
  await queue.close()
}

async function withTopic(
  name: ClientName,
  settings: Readonly<Record<string, string>>,
  topic = `made-${randomUUID()}`,
) {
  const admin = await clientFor(name, kafka.address).admin()
  const made = { topic, partitions: 1, replicas: 1, settings: new Map(Object.entries(settings)) }
  await admin.create([made])
  await admin.close()
  return topic
}

test.concurrent.each(clientNames)(
  'a topic with too few replicas has to be accepted, through %s',
  async (name) => {
    const topic = `few-${randomUUID()}`
    await expect(open(name, { topic })).rejects.toThrow(/allowUnderReplicated: true/)
    await open(name, { topic, allowUnderReplicated: true })
  },
)

test.concurrent.each(clientNames)(
  'a missing topic that is not to be created is named, through %s',
  async (name) => {
    const topic = `missing-${randomUUID()}`
    await expect(open(name, { topic, create: false })).rejects.toThrow(
      `no topic ${topic}, ${topic}.delays, ${topic}.dead-letters`,
    )
  },
)

test.concurrent.each(clientNames)(
  'a topic that forgets too early is refused, through %s',
  async (name) => {
    const topic = await withTopic(name, { 'retention.ms': '60000' })
    const accepted = { topic, allowUnderReplicated: true }
    const retention = { timeMs: 120_000, bytes: Number.POSITIVE_INFINITY }
    await expect(open(name, accepted, { retention })).rejects.toThrow(
      /retention.ms is 60000; set it to 120000/,
    )
    await open(name, accepted, { retention: { ...retention, timeMs: 60_000 } })
  },
)

test.concurrent.each(clientNames)(
  'a compacted topic is refused for records, through %s',
  async (name) => {
    const topic = await withTopic(name, { 'cleanup.policy': 'compact' })
    await expect(open(name, { topic, allowUnderReplicated: true })).rejects.toThrow(
      /cleanup.policy is "compact" and must be "delete"/,
    )
  },
)

test.concurrent.each(clientNames)(
  'a delays topic that forgets when it is large is refused, through %s',
  async (name) => {
    const topic = `large-${randomUUID()}`
    await withTopic(name, { 'retention.ms': '-1', 'retention.bytes': '1000' }, `${topic}.delays`)
    await expect(open(name, { topic, allowUnderReplicated: true })).rejects.toThrow(
      /delays will not do: its retention.bytes is 1000 and must be -1/,
    )
  },
)

test.concurrent.each(clientNames)(
  'a topic of dead letters that forgets removals too early is refused, and one that is made does not, through %s',
  async (name) => {
    const topic = `marks-${randomUUID()}`
    const letters = (of: string) => `${of}.dead-letters`
    const early = { 'cleanup.policy': 'compact', 'delete.retention.ms': '3600000' }
    await withTopic(name, { ...early, 'max.message.bytes': '10000000' }, letters(topic))
    await expect(open(name, { topic, allowUnderReplicated: true })).rejects.toThrow(
      /dead-letters will not do: its delete.retention.ms is 3600000 and must be at least 86400000/,
    )
    const made = `${topic}-made`
    await open(name, { topic: made, allowUnderReplicated: true })
    const admin = await clientFor(name, kafka.address).admin()
    const settings = await admin.settings(letters(made))
    await admin.close()
    expect(settings.get('delete.retention.ms')).toBe('86400000')
  },
)

test.concurrent.each(clientNames)(
  'more replicas than brokers are refused with the reason, through %s',
  async (name) => {
    const topic = `many-${randomUUID()}`
    await expect(open(name, { topic, replicas: 5 })).rejects.toThrow(
      /fewer brokers than `replicas`/,
    )
  },
)

test.concurrent('two namespaces over one topic are refused, whatever the clients', async () => {
  const topic = `shared-${randomUUID()}`
  const open = (topics: readonly string[]) => {
    const namespaces = topics.map((own, at) => {
      const client = clientFor(clientNames[at] as ClientName, kafka.address)
      const queue = kafkaQueue({ client, topic: own, allowUnderReplicated: true })
      const targets = { store: recordingTarget<number>() }
      return [`n${at}`, fanOut({ payload: type<number>(), queue, targets })] as const
    })
    return createWal({ namespaces: Object.fromEntries(namespaces) })
  }
  const refusalOf = (name: string) => ({
    code: 'ERR_CONFIG',
    issues: [
      {
        path: 'namespaces.n1.queue',
        reason: expect.stringMatching(new RegExp(`topic ${name} of .*namespaces\\.n0.*give each`)),
      },
    ],
  })
  await expect(open([topic, topic])).rejects.toMatchObject(refusalOf(topic))
  const wal = await open([topic, `${topic}-other`])
  await wal.close()
})

test.concurrent.each(clientNames)(
  'one Kafka queue is not opened by two wals, and the one that has it goes on, through %s',
  async (name) => {
    const client = clientFor(name, kafka.address)
    const queue = kafkaQueue({ client, topic: `once-${randomUUID()}`, allowUnderReplicated: true })
    const opening = () =>
      createWal({
        namespaces: {
          films: fanOut({
            payload: type<number>(),
            queue,
            targets: { store: recordingTarget<number>() },
          }),
        },
      })
    const [first, second] = await Promise.allSettled([opening(), opening()])
    expect([first?.status, second?.status].sort()).toEqual(['fulfilled', 'rejected'])
    await expect(opening()).rejects.toMatchObject({
      code: 'ERR_CONFIG',
      message: expect.stringContaining('a kafkaQueue() of its own'),
    })
    const wal = [first, second].find((one) => one?.status === 'fulfilled')?.value
    const receipt = await wal?.namespace('films').tryWrite({ key: 'a', payload: 1 })
    expect(receipt?.durable).toBe('yes')
    await wal?.close()
    const again = await opening()
    await again.close()
  },
)
