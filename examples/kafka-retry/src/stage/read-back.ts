import { randomUUID } from 'node:crypto'
import { DatabaseSync } from 'node:sqlite'
import { until } from '@daybook/example-stage'
import type { Kafka } from 'kafkajs'
import { type Rating, ratingOf } from '../rating.ts'
import type { StoreReading } from './check.ts'

/** Reads the store back. */
export function readStore(file: string): StoreReading {
  using store = new DatabaseSync(file, { readOnly: true })
  const films = store.prepare('SELECT key, ratings, stars FROM films').all()
  return {
    taken: readTaken(file),
    sums: new Map(
      films.map(({ key, ratings, stars }) => [
        String(key),
        { ratings: Number(ratings), stars: Number(stars) },
      ]),
    ),
  }
}

/** Ids of the ratings that the store has taken so far. */
export function readTaken(file: string): ReadonlySet<string> {
  using store = new DatabaseSync(file, { readOnly: true })
  return new Set(
    store
      .prepare('SELECT id FROM ratings')
      .all()
      .map(({ id }) => String(id)),
  )
}

/** Reads a topic from its beginning to its end: each partition in its order. */
export async function readTopic(kafka: Kafka, topic: string): Promise<readonly Rating[]> {
  const admin = kafka.admin()
  await admin.connect()
  const offsets = await admin.fetchTopicOffsets(topic)
  await admin.disconnect()
  const count = offsets.reduce((sum, { high, low }) => sum + Number(high) - Number(low), 0)
  const consumer = kafka.consumer({ groupId: `check-${randomUUID()}`, maxWaitTimeInMs: 250 })
  const ratings: Rating[] = []
  await consumer.connect()
  try {
    await consumer.subscribe({ topic, fromBeginning: true })
    await consumer.run({
      eachMessage: async ({ message }) => void ratings.push(ratingOf(message)),
    })
    await until('the topic is read to its end', () => ratings.length >= count)
  } finally {
    await consumer.disconnect()
  }
  return ratings
}
