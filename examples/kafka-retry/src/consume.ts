import type { Consumer, Kafka } from 'kafkajs'
import { type Rating, ratingOf } from './rating.ts'
import type { RatingWal } from './rating-wal.ts'
import type { RatingsStore } from './ratings-store.ts'

/**
 * Takes ratings from the topic into the store. One that cannot be taken is put aside, durably, and tried again
 * later; its partition goes on with the next. Ratings add up in any order, so that this does no harm.
 */
export async function consume(
  kafka: Kafka,
  topic: string,
  store: RatingsStore,
  wal: RatingWal,
): Promise<Consumer> {
  const consumer = kafka.consumer({
    groupId: `${topic}-store`,
    maxWaitTimeInMs: 250,
    sessionTimeout: 6_000,
    heartbeatInterval: 2_000,
    // A broker that is away comes back: this consumer waits for it for as long as it takes.
    retry: { initialRetryTime: 100, maxRetryTime: 1_000, restartOnFailure: async () => true },
  })
  await consumer.connect()
  await consumer.subscribe({ topic, fromBeginning: true })
  await consumer.run({
    partitionsConsumedConcurrently: 3,
    // The message is committed after this has resolved: by then it is in the store, or in the log.
    eachMessage: async ({ message }) => {
      const rating = ratingOf(message)
      if (!canTake(store, rating)) {
        await wal.namespace('unhandled').write({ key: rating.film, payload: rating })
      }
    },
  })
  return consumer
}

function canTake(store: RatingsStore, rating: Rating): boolean {
  try {
    store.take(rating)
    return true
  } catch {
    // Why, is looked at when it is tried again: then by the log, which knows what to do about it.
    return false
  }
}
