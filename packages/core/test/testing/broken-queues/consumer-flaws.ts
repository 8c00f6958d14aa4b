import type { Consumer, Delivery } from '../../../src/consumer/consumer.ts'
import {
  type BrokenQueue,
  boundConsumer,
  withConsumer,
  withDeliveries,
  withQueue,
} from './breakage.ts'

/** What may be wrong with handing out, acking and releasing. */
export const consumerFlaws: readonly BrokenQueue[] = [
  {
    flaw: 'declares that no ack at all may be under way',
    create: withConsumer(() => ({ acks: { atOnce: 0, records: Number.NaN } })),
    turnsRed: ['declares acks at once that core can go by, or none'],
  },
  {
    flaw: 'forgets acks',
    create: withConsumer(() => ({ ack: async () => {} })),
    turnsRed: [
      'takes a second ack of a record without harm',
      'does not hand out an acked record again',
      'counts what is not acked, leased or not',
    ],
  },
  {
    flaw: 'commits the highest ack, like an offset',
    create: withConsumer((consumer) => {
      const handedOut: Delivery[] = []
      return {
        async pull(options) {
          const deliveries = await consumer.pull(options)
          handedOut.push(...deliveries)
          return deliveries
        },
        async ack(acked) {
          const highest = Math.max(...acked.map(({ position }) => Number(position)))
          await consumer.ack(handedOut.filter(({ position }) => Number(position) <= highest))
        },
      }
    }),
    turnsRed: [
      'hands out what is neither acked nor leased, in order, through a random run',
      'acks no more than it was told to',
      'takes acks in any order',
    ],
  },
  {
    flaw: 'forgets at close what was acked',
    create: withConsumer((consumer) => {
      const acked = new Set<string>()
      const isNew = ({ record }: Delivery): boolean => !acked.has(record.id)
      return {
        pull: async (options) => (await consumer.pull(options)).filter(isNew),
        async ack(deliveries) {
          for (const { record } of deliveries) acked.add(record.id)
        },
      }
    }),
    turnsRed: [
      'does not hand out again what was acked before a reopening',
      'keeps the progress of each target over a reopening',
    ],
  },
  {
    flaw: 'puts a released record behind the others',
    create: withConsumer((consumer) => {
      const released: Parameters<Consumer['release']>[0][number][] = []
      return {
        async pull(options) {
          const deliveries = await consumer.pull({ ...options, maxRecords: 1 })
          await consumer.release(released.splice(0))
          return deliveries
        },
        async release(releases) {
          released.push(...releases)
        },
      }
    }),
    turnsRed: [
      'wakes a waiting pull when a record is released',
      'hands out a released record before later ones of its key',
    ],
  },
  {
    flaw: 'hands out several released records in the order of their release',
    create: withConsumer((consumer) => {
      const waiting: Delivery[] = []
      return {
        async pull(options) {
          return waiting.length > 0 ? waiting.splice(0, options.maxRecords) : consumer.pull(options)
        },
        async release(releases) {
          waiting.push(...releases.map(({ delivery, attempts }) => ({ ...delivery, attempts })))
        },
      }
    }),
    turnsRed: [
      'takes the release of a record already acked without harm',
      'keeps the order of several released records of a key',
      'does not hand out a record released with a delay before the delay is over',
    ],
  },
  {
    flaw: 'ignores the abort of a pull',
    create: withConsumer((consumer) => ({
      pull: (options) => consumer.pull({ ...options, signal: new AbortController().signal }),
    })),
    turnsRed: [
      'ends a waiting pull with nothing when its signal aborts',
      'does not wait in pull when the signal has aborted already',
    ],
  },
  {
    flaw: 'loses to an aborted pull what arrives next',
    create: withConsumer((consumer) => ({
      async pull(options) {
        const aborted = new Promise<readonly Delivery[]>((resolve) =>
          options.signal.addEventListener('abort', () => resolve([]), { once: true }),
        )
        const { signal } = new AbortController()
        return Promise.race([aborted, consumer.pull({ ...options, signal })])
      },
    })),
    turnsRed: ['gives a record that came after an aborted pull to the next pull'],
  },
  {
    flaw: 'takes no notice of maxRecords and maxBytes',
    create: withConsumer((consumer) => ({
      pull: (options) => consumer.pull({ ...options, maxRecords: 1_000, maxBytes: 2 ** 30 }),
    })),
    turnsRed: ['hands out at most maxRecords', 'hands out at most maxBytes'],
  },
  {
    flaw: 'waits for ever for a record that fits',
    create: withConsumer((consumer) => ({
      async pull(options) {
        const deliveries = await consumer.pull(options)
        const bytes = deliveries.reduce((sum, delivery) => sum + delivery.bytes, 0)
        return bytes > options.maxBytes ? new Promise(() => {}) : deliveries
      },
    })),
    turnsRed: ['hands out one record even if it alone is over maxBytes'],
  },
  {
    flaw: 'gives no lease',
    create: withConsumer((consumer) => ({
      async pull(options) {
        const deliveries = await consumer.pull(options)
        await consumer.release(
          deliveries.map((delivery) => ({ delivery, attempts: delivery.attempts, delayMs: 0 })),
        )
        return deliveries
      },
    })),
    turnsRed: ['does not hand out a leased record again'],
  },
  {
    flaw: 'recognises a delivery by its object alone',
    create: withConsumer((consumer) => {
      const known = new Set<Delivery>()
      return {
        async pull(options) {
          const deliveries = await consumer.pull(options)
          for (const delivery of deliveries) known.add(delivery)
          return deliveries
        },
        ack: (deliveries) => consumer.ack(deliveries.filter((delivery) => known.has(delivery))),
      }
    }),
    turnsRed: ['recognises a delivery by a copy without its payload'],
  },
  {
    flaw: 'throws when closed twice',
    create: withConsumer((consumer) => {
      let closed = false
      return {
        async close() {
          if (closed) throw new Error('closed')
          closed = true
          await consumer.close()
        },
      }
    }),
    turnsRed: ['closes twice without harm'],
  },
  {
    flaw: 'counts no payload in the bytes of a delivery',
    create: withDeliveries((delivery) => ({ ...delivery, bytes: 200 })),
    turnsRed: ['counts at least the payload as bytes of a delivery'],
  },
  {
    flaw: 'gives every delivery one position',
    create: withDeliveries((delivery) => ({ ...delivery, position: 1 })),
    turnsRed: ['gives positions that grow along a key'],
  },
  {
    flaw: 'does not wait in pull',
    create: withConsumer((consumer) => ({
      pull: (options) => consumer.pull({ ...options, signal: AbortSignal.abort() }),
    })),
    turnsRed: ['waits in pull until a record arrives'],
  },
  {
    flaw: 'hands out the last record first',
    create: withConsumer((consumer) => ({
      pull: async (options) => [...(await consumer.pull(options))].reverse(),
    })),
    turnsRed: [
      'hands returned leases to the next consumer, in order',
      'hands out a record that became due after those of its key sent before',
      'hands out delayed records of a key in the order in which they are due',
      'hands out again what was not acked before a reopening, in order',
      'goes on after a reopening where it was',
      'hands out again what was leased when the process died, in order',
      'hands out the records of a key in their order',
    ],
  },
  {
    flaw: 'wakes up for nothing but a record sent',
    create: withQueue((queue) => ({
      open: ({ clock, ...context }) =>
        queue.open({ ...context, clock: { ...clock, setTimer: () => ({ cancel() {} }) } }),
    })),
    turnsRed: [
      'wakes a waiting pull when a delayed record becomes due',
      'does not hand out a record released with a delay before the delay is over',
    ],
  },
  {
    flaw: 'takes an ack of nothing for one of everything',
    create: withConsumer((consumer) => {
      const handedOut: Delivery[] = []
      return {
        async pull(options) {
          const deliveries = await consumer.pull(options)
          handedOut.push(...deliveries)
          return deliveries
        },
        ack: (deliveries) => consumer.ack(deliveries.length > 0 ? deliveries : handedOut),
      }
    }),
    turnsRed: ['takes an ack of nothing without harm'],
  },
  {
    flaw: 'obeys a consumer that is closed',
    create: withQueue((queue) => {
      let current: Consumer | undefined
      return {
        consumer: async (target) => {
          const consumer = await queue.consumer(target)
          current = consumer
          return {
            ...boundConsumer(consumer),
            release: async (releases) => current?.release(releases),
          }
        },
      }
    }),
    turnsRed: ['settles an ack, a release and a save after close'],
  },
]
