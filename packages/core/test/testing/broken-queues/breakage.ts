import type { Consumer, Delivery } from '../../../src/consumer/consumer.ts'
import type { Producer } from '../../../src/producer/producer.ts'
import { memoryQueue } from '../../../src/queue/memory-queue.ts'
import type { Queue } from '../../../src/queue/queue.ts'
import type { Recall } from '../../../src/queue/recall.ts'
import type { StoredRecord } from '../../../src/record.ts'
import type { QueueSubject } from '../../../src/testing/index.ts'

/** A queue broken on purpose, and the cases that have to notice. */
export interface BrokenQueue {
  readonly flaw: string
  readonly create: () => QueueSubject
  readonly turnsRed: readonly string[]
}

/** The queue that is broken in the others, whole: wrapped in the same way, it must stay green. */
export const wholeQueue = withConsumer(() => ({}))

export function withQueue(breakage: (queue: Queue) => Partial<Queue>): () => QueueSubject {
  return () => {
    // Small, so that the largest record is no burden.
    const queue = memoryQueue({ maxBytes: 4 * 2 ** 20 })
    const broken = { ...bound(queue), ...breakage(queue) }
    return { queue: () => broken, crash: () => {} }
  }
}

export function withConsumer(
  breakage: (consumer: Consumer) => Partial<Consumer>,
): () => QueueSubject {
  return withQueue((queue) => ({
    consumer: async (target) => {
      const consumer = await queue.consumer(target)
      return { ...boundConsumer(consumer), ...breakage(consumer) }
    },
  }))
}

export function withRecall(breakage: (recall: Recall) => Partial<Recall>): () => QueueSubject {
  return withQueue((queue) => ({
    recall: async (id) => {
      const recall = await recallOf(queue, id)
      return { ...recall, ...breakage(recall) }
    },
  }))
}

export function recallOf(queue: Queue, id: string): Promise<Recall> {
  return queue.recall?.(id) ?? Promise.reject(new TypeError('It has no recall.'))
}

export function withDeliveries(change: (delivery: Delivery) => Delivery): () => QueueSubject {
  return withConsumer((consumer) => ({
    pull: async (options) => (await consumer.pull(options)).map(change),
  }))
}

export function withProducer(
  breakage: (producer: Producer) => Partial<Producer>,
): () => QueueSubject {
  return withQueue((queue) => producerOver(queue, breakage))
}

export function withRecords(change: (record: StoredRecord) => StoredRecord): () => QueueSubject {
  return withProducer((producer) => ({
    send: (records, options) => producer.send(records.map(change), options),
  }))
}

export function producerOver(
  queue: Queue,
  breakage: (producer: Producer) => Partial<Producer>,
): Queue {
  return {
    ...bound(queue),
    producer: async () => {
      const producer = await queue.producer()
      const whole: Producer = {
        send: (records, options) => producer.send(records, options),
        close: () => producer.close(),
      }
      return { ...whole, ...breakage(producer) }
    },
  }
}

export function bound(queue: Queue): Queue {
  return {
    kind: queue.kind,
    supports: queue.supports,
    open: (context) => queue.open(context),
    producer: () => queue.producer(),
    consumer: (target) => queue.consumer(target),
    deadLetters: () => queue.deadLetters(),
    highestVersion: () => queue.highestVersion?.(),
    recall: (id) => recallOf(queue, id),
    close: () => queue.close(),
  }
}

export function boundConsumer(consumer: Consumer): Consumer {
  return {
    pull: (options) => consumer.pull(options),
    ack: (deliveries) => consumer.ack(deliveries),
    release: (releases) => consumer.release(releases),
    beginAttempts: async (deliveries, soon) => consumer.beginAttempts?.(deliveries, soon),
    saveAttempts: (attempts) => consumer.saveAttempts(attempts),
    pullAhead: async (options) => (await consumer.pullAhead?.(options)) ?? [],
    // What is leased stays in its queue, which outlasts its consumers.
    park: async () => {},
    backlog: () => consumer.backlog(),
    watermark: (options) => consumer.watermark(options),
    close: () => consumer.close(),
  }
}
