// needs: kafka

import { randomUUID } from 'node:crypto'
import { type Service, service } from '@daybook/services'
import { Kafka, logLevel } from 'kafkajs'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { type KafkaCommit, type KafkaGroup, type KafkaPlace, kafkajs } from '../../src/index.ts'
import { isHandover } from '../../src/kafka-errors.ts'
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

interface Member {
  readonly group: KafkaGroup
  readonly places: readonly KafkaPlace[]
}

/** On a machine that is busy with other suites it takes a while. */
const timeout = 10_000

/** A client that tries a commit a second time, so long after the first that the group has changed meanwhile. */
function clientThatTriesLater() {
  const retry = { initialRetryTime: 12_000, factor: 0, retries: 1 }
  return kafkajs(new Kafka({ brokers: [kafka.address], logLevel: logLevel.NOTHING, retry }))
}

async function memberOf(group: string, topic: string): Promise<Member> {
  let places: readonly KafkaPlace[] = []
  const joined = await clientThatTriesLater().group(
    { group, topics: [topic], sessionTimeoutMs: 6_000 },
    {
      assigned: (given) => {
        places = given
      },
      rebalancing: () => {},
      entries: () => {},
      failed: () => {},
    },
  )
  return {
    group: joined,
    get places() {
      return places
    },
  }
}

test('a commit that kafkajs tries again does not count for a partition that another has by then', async () => {
  const topic = `handed-over-${randomUUID()}`
  const admin = await clientThatTriesLater().admin()
  await admin.create([{ topic, partitions: 2, replicas: 1, settings: new Map() }])
  await expect.poll(async () => (await admin.topic(topic))?.hasLeaders, { timeout }).toBe(true)
  const first = await memberOf(topic, topic)
  await expect.poll(() => first.places.length, { timeout }).toBe(2)
  const at = (place: KafkaPlace, offset: number): KafkaCommit => {
    return { ...place, offset, metadata: '' }
  }
  // A topic that is not there is what the client takes for temporary. The rest is stored.
  const nowhere = { topic: `${topic}-missing`, partition: 0 }
  const commit = first.group.commit([...first.places.map((place) => at(place, 5)), at(nowhere, 1)])
  const settled = commit.then(
    () => undefined,
    (error: unknown) => error,
  )
  const committed = async () =>
    [...(await admin.committed(topic, topic)).values()].map(({ offset }) => offset).sort()
  await expect.poll(committed, { timeout }).toEqual([5, 5])

  const second = await memberOf(topic, topic)
  const counts = () => [first.places.length, second.places.length]
  await expect.poll(counts, { timeout }).toEqual([1, 1])
  await second.group.commit(second.places.map((place) => at(place, 9)))
  const failure = await settled
  expect(await committed()).toEqual([5, 9])
  expect(isHandover(failure)).toBe(true)
  await Promise.all([first.group.close(), second.group.close(), admin.close()])
})
