// needs: kafka

import { randomUUID } from 'node:crypto'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { until } from '@daybook/example-stage'
import { service } from '@daybook/services'
import { Kafka, logLevel } from 'kafkajs'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { kafkaTarget } from '../../src/kafka-target.ts'
import type { Rating } from '../../src/rating.ts'
import { openRatingWal } from '../../src/rating-wal.ts'
import { readTopic } from '../../src/stage/read-back.ts'

let kafka: Kafka
/** As the application has it: it is the log's to try again. */
let impatient: Kafka
const directory = mkdtempSync(join(tmpdir(), 'daybook-kafka-target-'))

beforeAll(async () => {
  const { address } = await service('kafka')
  const common = { brokers: [address], logLevel: logLevel.NOTHING }
  kafka = new Kafka(common)
  impatient = new Kafka({ ...common, retry: { retries: 0 } })
})
afterAll(() => rmSync(directory, { recursive: true, force: true }))

const ratingOf = (film: string): Rating => ({ id: randomUUID(), film, number: 1, stars: 8 })

async function openWith(topic: string) {
  const producer = impatient.producer({ allowAutoTopicCreation: false })
  await producer.connect()
  const target = kafkaTarget(producer, topic)
  const wal = await openRatingWal(join(directory, topic), target, target)
  wal.on('error', () => {})
  const close = async (): Promise<void> => {
    await wal.close()
    await producer.disconnect()
  }
  return { unsent: wal.namespace('unsent'), wal, close }
}

test('a message that Kafka finds too large is a dead letter at once, and those beside it are sent', async () => {
  const topic = `small-${randomUUID()}`
  const admin = kafka.admin()
  await admin.connect()
  const configEntries = [{ name: 'max.message.bytes', value: '1000' }]
  const topics = [{ topic, numPartitions: 3, configEntries }]
  await admin.createTopics({ topics, waitForLeaders: true })
  await admin.disconnect()
  const { unsent, wal, close } = await openWith(topic)
  const ratings = ['alien', 'x'.repeat(1_000), 'brazil'].map(ratingOf)
  await unsent.writeMany(ratings.map((payload) => ({ key: payload.film, payload })))
  await wal.start()
  await wal.drain({ timeout: '30s' })
  const { letters } = await unsent.deadLetters.list()
  expect(letters.map(({ code }) => code)).toEqual(['MESSAGE_TOO_LARGE'])
  const inTopic = new Set((await readTopic(kafka, topic)).map(({ film }) => film))
  expect(inTopic).toEqual(new Set(['alien', 'brazil']))
  await close()
})

test('a rating for a topic that is gone is no outage: it spends attempts', async () => {
  const { unsent, wal, close } = await openWith(`gone-${randomUUID()}`)
  const failures: unknown[] = []
  wal.on('retry', ({ attempt, spent }) => failures.push({ code: attempt.code, spent }))
  await unsent.write({ key: 'alien', payload: ratingOf('alien') })
  await wal.start()
  await until('it has failed twice', () => failures.length > 1)
  const code = 'UNKNOWN_TOPIC_OR_PARTITION'
  expect(failures.slice(0, 2)).toEqual([
    { code, spent: 1 },
    { code, spent: 2 },
  ])
  await close()
})
