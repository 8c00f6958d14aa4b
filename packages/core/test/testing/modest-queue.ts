import type { Consumer } from '../../src/consumer/consumer.ts'
import { noAttempts } from '../../src/consumer/consumer.ts'
import { WalError } from '../../src/errors.ts'
import type { Producer, SendOutcome } from '../../src/producer/producer.ts'
import { memoryQueue } from '../../src/queue/memory-queue.ts'
import type { Queue, QueueSupports } from '../../src/queue/queue.ts'
import type { StoredRecord } from '../../src/record.ts'

const little: Partial<QueueSupports> = {
  order: 'none',
  longestDelayMs: 0,
  largestBatchRecords: 10,
  independentReaders: false,
  deadLetterListing: false,
  attempts: 'none',
  durability: 'none',
}

/** A queue that can do little, and says so: what the suites demand must then be as little. */
export function modestQueue(): Queue {
  const queue = memoryQueue({ maxBytes: 4 * 2 ** 20 })
  return {
    kind: 'modest',
    supports: { ...queue.supports, ...little },
    open: (context) => queue.open(context),
    producer: async () => modestProducer(await queue.producer()),
    async consumer(target) {
      if (target !== 'first') throw new WalError('ERR_CONFIG', 'There is one reader.')
      return modestConsumer(await queue.consumer(target))
    },
    deadLetters: async () => undefined,
    close: () => queue.close(),
  }
}

function modestProducer(producer: Producer): Producer {
  const error = new WalError('ERR_INVALID_DELAY', 'There are no delays.')
  const sendOne = async (record: StoredRecord): Promise<readonly SendOutcome[]> =>
    (record.dueAt ?? 0) > Date.now() ? [{ durable: 'no', error }] : producer.send([record])
  return {
    send: async (records) => (await Promise.all(records.map(sendOne))).flat(),
    close: () => producer.close(),
  }
}

/** Knows how often it handed a record out, and nothing of attempts or of how much is left. */
function modestConsumer(consumer: Consumer): Consumer {
  const handOuts = new Map<string, number>()
  return {
    async pull(options) {
      const deliveries = await consumer.pull(options)
      return [...deliveries].reverse().map((delivery) => {
        const { id } = delivery.record
        handOuts.set(id, (handOuts.get(id) ?? 0) + 1)
        return { ...delivery, attempts: noAttempts, handOuts: handOuts.get(id) }
      })
    },
    ack: (deliveries) => consumer.ack(deliveries),
    release: (releases) => consumer.release(releases),
    saveAttempts: async () => {},
    backlog: async () => ({
      pending: 3,
      delayed: 0,
      oldestWrittenAt: undefined,
      approximate: true,
    }),
    async watermark(options) {
      const { covers } = await consumer.watermark(options)
      return { covers, remaining: () => undefined }
    },
    close: () => consumer.close(),
  }
}
