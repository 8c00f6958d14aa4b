import type { Consumer, Watermark } from '../../../src/consumer/consumer.ts'
import { memoryQueue } from '../../../src/queue/memory-queue.ts'
import type { Queue } from '../../../src/queue/queue.ts'
import { type BrokenQueue, bound, boundConsumer, withConsumer, withQueue } from './breakage.ts'

/** What may be wrong with a queue as a whole: what it declares, counts and keeps apart. */
export const queueFlaws: readonly BrokenQueue[] = [
  {
    flaw: 'shares one progress among all targets',
    create: withQueue((queue) => {
      let only: Promise<Consumer> | undefined
      return {
        consumer: () => {
          only ??= queue.consumer('first')
          return only
        },
      }
    }),
    turnsRed: [
      'does not let a slow target hold up another',
      'keeps attempts and releases of one target from another',
      'lets targets pull at the same time',
      'hands every record to every target',
      'does not ack for one target what another has acked',
    ],
  },
  {
    flaw: 'hands records for one target to another under its name',
    create: withConsumer((consumer) => ({
      async pull(options) {
        const deliveries = await consumer.pull(options)
        return deliveries.map((delivery) => ({
          ...delivery,
          record: { ...delivery.record, target: undefined },
        }))
      },
    })),
    turnsRed: ['hands a record meant for one target to it, and to another only by its name'],
  },
  {
    flaw: 'covers by a watermark what comes later',
    create: withConsumer((consumer) => ({
      watermark: async () => ({
        covers: () => true,
        remaining: async () => (await consumer.backlog()).pending,
      }),
    })),
    turnsRed: [
      'covers by a watermark what was there, and not what came later',
      'counts down what a watermark covers as it is acked',
      'covers delayed records by a watermark only where asked',
    ],
  },
  {
    flaw: 'counts only what is not leased',
    create: withConsumer((consumer) => {
      let leased = 0
      return {
        async pull(options) {
          const deliveries = await consumer.pull(options)
          leased += deliveries.length
          return deliveries
        },
        backlog: async () => {
          const backlog = await consumer.backlog()
          return { ...backlog, pending: Math.max(0, backlog.pending - leased) }
        },
        watermark: async (options): Promise<Watermark> => {
          const mark = await consumer.watermark(options)
          return {
            covers: mark.covers,
            remaining: async () => ((await mark.remaining()) ?? 0) - leased,
          }
        },
      }
    }),
    turnsRed: [
      'counts what is not acked, leased or not',
      'counts down what a watermark covers as it is acked',
    ],
  },
  {
    flaw: 'shows no keys of versions that are above one',
    create: withQueue(() => ({ versionsAbove: async (version) => version })),
    turnsRed: ['shows which keys have versions above one'],
  },
  {
    flaw: 'tells the last version for the highest',
    create: withQueue((queue) => {
      let last: bigint | undefined
      return {
        highestVersion: () => last,
        producer: async () => {
          const producer = await queue.producer()
          return {
            send: (records) => {
              last = records.at(-1)?.version ?? last
              return producer.send(records)
            },
            close: () => producer.close(),
          }
        },
      }
    }),
    turnsRed: ['keeps the highest version over acks and a reopening'],
  },
  {
    flaw: 'lets go of what is too old for its retention',
    create: withQueue((queue) => {
      let keptForMs = Number.POSITIVE_INFINITY
      return {
        open: (context) => {
          keptForMs = context.retention?.timeMs ?? keptForMs
          return queue.open(context)
        },
        consumer: async (target) => {
          const consumer = await queue.consumer(target)
          return {
            ...boundConsumer(consumer),
            pull: async (options) => {
              const deliveries = await consumer.pull(options)
              const since = Date.now() - keptForMs
              return deliveries.filter(({ record }) => record.writtenAt >= since)
            },
          }
        },
      }
    }),
    turnsRed: ['lets go of no record that a target is not done with, whatever its retention'],
  },
  {
    flaw: 'declares readers it does not have',
    create: withQueue((queue) => ({
      consumer: async (target) => {
        if (target !== 'first') throw new Error('only one')
        return queue.consumer(target)
      },
    })),
    turnsRed: ['opens a consumer per target, or refuses a second'],
  },
  {
    flaw: 'loses everything at close, and declares a durability',
    create: () => {
      const queue = (): Queue => {
        const lost = memoryQueue()
        return { ...bound(lost), supports: { ...lost.supports, durability: 'machine' } }
      }
      return { queue, crash: () => {} }
    },
    turnsRed: [
      'keeps records nobody has pulled over a reopening',
      'keeps its dead letters over a reopening',
    ],
  },
  {
    flaw: 'offers no restart to test, and declares a durability',
    create: () => {
      const queue = memoryQueue()
      const durable: Queue = {
        ...bound(queue),
        supports: { ...queue.supports, durability: 'process' },
      }
      return { queue: () => durable, reopens: false }
    },
    turnsRed: [
      'keeps records nobody has pulled over a reopening',
      'loses nothing answered with yes to the death of the process',
    ],
  },
  {
    flaw: 'declares a delay below zero',
    create: withQueue(({ supports }) => ({ supports: { ...supports, longestDelayMs: -1 } })),
    turnsRed: ['declares what it supports within the ranges that core understands'],
  },
  {
    flaw: 'declares dead letters, and brings none',
    create: withQueue(() => ({ deadLetters: async () => undefined })),
    turnsRed: ['brings a dead-letter queue that can be listed, or declares that it brings none'],
  },
  {
    flaw: 'declares larger records than it takes',
    create: withQueue(({ supports }) => ({
      supports: { ...supports, largestRecordBytes: 2 * supports.largestRecordBytes },
    })),
    turnsRed: ['takes a record as large as it declares'],
  },
  {
    flaw: 'counts delayed records among the pending',
    create: withConsumer((consumer) => ({
      async backlog() {
        const backlog = await consumer.backlog()
        return { ...backlog, pending: backlog.pending + backlog.delayed }
      },
    })),
    turnsRed: ['counts delayed records apart'],
  },
  {
    flaw: 'takes the present for when the oldest record was written',
    create: withConsumer((consumer) => ({
      backlog: async () => ({ ...(await consumer.backlog()), oldestWrittenAt: Date.now() }),
    })),
    turnsRed: ['tells when the oldest pending record was written'],
  },
]
