// needs: own kafka

import { randomUUID } from 'node:crypto'
import { systemClock, systemRandom } from '@daybook/core'
import { makeDeadLetter, makeStoredRecord } from '@daybook/core/testing'
import { type Service, service } from '@daybook/services'
import { AclOperationTypes } from 'kafkajs'
import { beforeAll, expect, test } from 'vitest'
import { type KafkaClient, kafkaQueue } from '../../src/index.ts'
import { clientNames } from '../support/clients.ts'
import { awaitCoordinator } from '../support/coordinator.ts'
import { allowAllBut as allow, guestClient } from '../support/guest.ts'

let kafka: Service

// Two suites share it; it goes when the run is over.
beforeAll(async () => {
  kafka = await service('kafka', { instance: 'secure', secure: true })
  await awaitCoordinator(kafka.address)
})

const { CREATE, DESCRIBE_CONFIGS, READ, WRITE } = AclOperationTypes

const clients = Object.fromEntries(
  clientNames.map((name) => [name, () => guestClient(kafka, name)]),
)

/** Lets the guest do anything with what has these names in front, but for one thing. */
const allowAllBut = (prefix: string, denied?: Parameters<typeof allow>[2]): Promise<void> =>
  allow(kafka, prefix, denied)

/** Opens the queue and a consumer of it, as the guest, and closes them again. */
async function start(client: KafkaClient, topic: string): Promise<void> {
  const queue = kafkaQueue({ client, topic, partitions: 1, allowUnderReplicated: true })
  await queue.open({
    ...{ namespace: 'films', targets: ['store'], directory: undefined },
    ...{ clock: systemClock, random: systemRandom, reportError: () => {} },
  })
  try {
    await (await queue.consumer('store')).close()
  } finally {
    await queue.close()
  }
}

/** A denied right, how it is called in the message, and of what. */
const denials = [
  ['topic', '', CREATE, /Create, to have it created/],
  ['topic', '', DESCRIBE_CONFIGS, /DescribeConfigs on the topic/],
  ['topic', '', READ, /Read, Write, Describe and DescribeConfigs on the topic/],
  ['topic', '.delays', READ, /Read, Write, Describe and DescribeConfigs on the topic/],
  ['group', '.store', READ, /Give this client's principal Read on the group/],
  ['group', '.delays', READ, /Give this client's principal Read on the group/],
] as const

/** Of these only one client can ask the broker beforehand. */
const foreseen = [
  ['topic', '', WRITE, /may not Write the topic \S+\. Give it Read, Write/],
  ['topic', '.delays', WRITE, /may not Write the topic \S+\.delays\. Give it/],
  ['topic', '.dead-letters', READ, /may not Read the topic \S+\.dead-letters\. Give it/],
  ['topic', '.dead-letters', WRITE, /may not Write the topic \S+\.dead-letters\. Give it/],
] as const

const names = new Map([
  [CREATE, 'Create'],
  [DESCRIBE_CONFIGS, 'DescribeConfigs'],
  [READ, 'Read'],
  [WRITE, 'Write'],
])

const all = Object.entries(clients).flatMap(([name, client]) => {
  const cases = name === 'kafkajs' ? denials : [...denials, ...foreseen]
  return cases.map(([kind, suffix, operation, message]) => ({
    ...{ name, client, kind, suffix, operation, message },
    right: `${names.get(operation)} of the ${kind} <topic>${suffix}`,
  }))
})

test.concurrent.each(all)(
  'a start without $right says which right to give, through $name',
  async ({ client, kind, suffix, operation, message }) => {
    const topic = `rights-${randomUUID()}`
    if (operation !== CREATE) {
      await allowAllBut(topic)
      await start(client(), topic)
    }
    const named = kind === 'group' ? `daybook.${topic}${suffix}` : `${topic}${suffix}`
    await allowAllBut(topic, [[kind, named], operation])
    const failure = await start(client(), topic).then(
      () => undefined,
      (error: Error) => error,
    )
    expect(failure?.message).toMatch(message)
    expect(failure).toMatchObject({ code: 'ERR_CONFIG' })
  },
)

test.concurrent.each(Object.entries(clients))(
  "a write that may not be is 'no' and says which right to give, through %s",
  async (_, client) => {
    const topic = `rights-${randomUUID()}`
    await allowAllBut(topic)
    await start(client(), topic)
    await allowAllBut(topic, [['topic', topic], WRITE])
    const queue = kafkaQueue({ client: client(), topic, allowUnderReplicated: true })
    await queue.open({
      ...{ namespace: 'films', targets: ['store'], directory: undefined },
      ...{ clock: systemClock, random: systemRandom, reportError: () => {} },
    })
    const [outcome] = await (await queue.producer()).send([makeStoredRecord()])
    expect(outcome?.durable).toBe('no')
    expect(outcome?.error?.message).toMatch(/Give this client's principal Read, Write/)
    await queue.close()
  },
)

test.concurrent.each(Object.entries(clients))(
  'dead letters that may not be read say which right to give, and do not keep their queue open, through %s',
  async (_, client) => {
    const topic = `rights-${randomUUID()}`
    await allowAllBut(topic)
    await start(client(), topic)
    await allowAllBut(topic, [['topic', `${topic}.dead-letters`], READ])
    const queue = kafkaQueue({ client: client(), topic, allowUnderReplicated: true })
    await queue.open({
      ...{ namespace: 'films', targets: ['store'], directory: undefined },
      ...{ clock: systemClock, random: systemRandom, reportError: () => {} },
    })
    const letters = await queue.deadLetters?.()
    await letters?.put([makeDeadLetter()])
    for (const _again of [1, 2]) {
      const failure = await letters?.list({}).then(
        () => undefined,
        (error: Error) => error,
      )
      expect(failure?.message).toMatch(/Give this client's principal Read, Write/)
      expect(failure).toMatchObject({ code: 'ERR_CONFIG' })
    }
    await letters?.close()
    await queue.close()
  },
)
