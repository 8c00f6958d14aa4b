import type { Delivery } from '../../../src/consumer/consumer.ts'
import { type BrokenQueue, bound, boundConsumer, withConsumer, withQueue } from './breakage.ts'

/** What may be wrong with records that are taken ahead of their turn. */
export const aheadFlaws: readonly BrokenQueue[] = [
  {
    flaw: 'hands out again in its turn what was taken ahead',
    create: withConsumer((consumer) => {
      const taken = new Map<string, Delivery>()
      return {
        async pullAhead(options) {
          const deliveries = (await consumer.pullAhead?.(options)) ?? []
          for (const delivery of deliveries) taken.set(delivery.record.id, delivery)
          return deliveries
        },
        async pull(options) {
          const again = [...taken.values()]
          taken.clear()
          return again.length > 0 ? again : consumer.pull(options)
        },
      }
    }),
    turnsRed: [
      'hands out a wanted record before its turn, and passes over it then',
      'finds a wanted record behind many others, each time anew',
    ],
  },
  {
    flaw: 'looks ahead once and never again',
    create: withConsumer((consumer) => {
      let looks = 0
      return {
        pullAhead: async (options) => {
          if (looks++ > 0) return []
          return (await consumer.pullAhead?.(options)) ?? []
        },
      }
    }),
    turnsRed: ['finds a wanted record behind many others, each time anew'],
  },
  {
    flaw: 'takes ahead what is not there to be taken',
    create: withConsumer((consumer) => {
      const seen: Delivery[] = []
      return {
        async pull(options) {
          const deliveries = await consumer.pull(options)
          seen.push(...deliveries)
          return deliveries
        },
        pullAhead: async (options) => [
          ...seen.filter(({ record }) => options.wanted(record)),
          ...((await consumer.pullAhead?.(options)) ?? []),
        ],
      }
    }),
    turnsRed: ['hands out nothing ahead that is leased, acked or delayed'],
  },
  {
    flaw: 'loses a record taken ahead that is released',
    create: withConsumer((consumer) => {
      const taken = new Set<string>()
      return {
        async pullAhead(options) {
          const deliveries = (await consumer.pullAhead?.(options)) ?? []
          for (const { record } of deliveries) taken.add(record.id)
          return deliveries
        },
        release: (releases) =>
          consumer.release(releases.filter(({ delivery }) => !taken.has(delivery.record.id))),
      }
    }),
    turnsRed: ['hands out a record taken ahead again once it is released'],
  },
  {
    flaw: 'acks with a record taken ahead all that stand before it',
    create: withConsumer((consumer) => {
      const passed: Delivery[] = []
      return {
        async pullAhead({ wanted, signal }) {
          const all = (await consumer.pullAhead?.({ wanted: () => true, signal })) ?? []
          const deliveries = all.filter(({ record }) => wanted(record))
          const first = Math.min(...deliveries.map(({ position }) => Number(position)))
          const left = all.filter((delivery) => !deliveries.includes(delivery))
          passed.push(...left.filter(({ position }) => Number(position) < first))
          const later = left.filter((delivery) => !passed.includes(delivery)).reverse()
          await consumer.release(
            later.map((delivery) => ({ delivery, attempts: delivery.attempts, delayMs: 0 })),
          )
          return deliveries
        },
        ack: (deliveries) => consumer.ack([...passed.splice(0), ...deliveries]),
      }
    }),
    turnsRed: ['acks a record taken ahead and none of those before it'],
  },
  {
    flaw: 'takes a record ahead from every target',
    create: withQueue((queue) => {
      const taken = new Set<string>()
      return {
        ...bound(queue),
        consumer: async (target) => {
          const consumer = await queue.consumer(target)
          return {
            ...boundConsumer(consumer),
            async pull(options) {
              const deliveries = await consumer.pull(options)
              return deliveries.filter(({ record }) => !taken.has(record.id))
            },
            async pullAhead(options) {
              const deliveries = (await consumer.pullAhead?.(options)) ?? []
              for (const { record } of deliveries) taken.add(record.id)
              return deliveries
            },
          }
        },
      }
    }),
    turnsRed: ['takes a record ahead from one target alone'],
  },
]
