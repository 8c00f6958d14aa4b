import type { Delivery } from '../../../src/consumer/consumer.ts'
import { type BrokenQueue, withConsumer } from './breakage.ts'

/** What may be wrong with records that wait behind a dead letter of their key. */
export const parkFlaws: readonly BrokenQueue[] = [
  {
    flaw: 'loses what is parked',
    create: withConsumer((consumer) => ({ park: (deliveries) => consumer.ack(deliveries) })),
    turnsRed: [
      'hands out a parked record once it is released, before later ones of its key',
      'counts a parked record as pending, and only once',
      'keeps what is parked over the death of the process, before later ones of its key',
      'does not hand out again what was parked and acked',
    ],
  },
  {
    flaw: 'hands out what was parked behind later records of its key',
    create: withConsumer((consumer) => {
      const parked = new Set<string>()
      const aside: Delivery[] = []
      return {
        async park(deliveries) {
          for (const { record } of deliveries) parked.add(record.id)
        },
        async release(releases) {
          const isParked = ({ delivery }: { delivery: Delivery }): boolean =>
            parked.has(delivery.record.id)
          aside.push(...releases.filter(isParked).map(({ delivery }) => delivery))
          await consumer.release(releases.filter((one) => !isParked(one)))
        },
        pull: async (options) => [
          ...(await consumer.pull(options)),
          ...aside.splice(0).toReversed(),
        ],
      }
    }),
    turnsRed: ['hands out a parked record once it is released, before later ones of its key'],
  },
  {
    flaw: 'counts what is parked twice',
    create: withConsumer((consumer) => {
      const parked = new Set<string>()
      return {
        async park(deliveries) {
          for (const { record } of deliveries) parked.add(record.id)
        },
        async backlog() {
          const backlog = await consumer.backlog()
          return { ...backlog, pending: backlog.pending + parked.size }
        },
      }
    }),
    turnsRed: ['counts a parked record as pending, and only once'],
  },
  {
    flaw: 'does not take away what was parked and is done with',
    create: withConsumer((consumer) => {
      const parked = new Set<string>()
      return {
        async park(deliveries) {
          for (const { record } of deliveries) parked.add(record.id)
        },
        ack: (deliveries) =>
          consumer.ack(deliveries.filter(({ record }) => !parked.has(record.id))),
      }
    }),
    turnsRed: [
      'counts a parked record as pending, and only once',
      'does not hand out again what was parked and acked',
    ],
  },
]
