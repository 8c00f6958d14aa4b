import type { Producer, SendOutcome } from '../../../src/producer/producer.ts'
import { memoryQueue } from '../../../src/queue/memory-queue.ts'
import { type BrokenQueue, producerOver, withProducer, withQueue } from './breakage.ts'

/** What may be wrong with a producer and its answers. */
export const producerFlaws: readonly BrokenQueue[] = [
  {
    flaw: "answers 'yes' whatever happens",
    create: withProducer((producer) => ({
      async send(records) {
        await producer.send(records)
        return records.map(() => ({ durable: 'yes' }))
      },
    })),
    turnsRed: [
      'answers one outcome per record, in the order of the batch',
      "refuses a record larger than it declares with 'no'",
      "answers 'no' with ERR_CLOSED after close",
    ],
  },
  {
    flaw: "answers 'no' for the whole batch where one record is refused",
    create: withProducer((producer) => ({
      async send(records) {
        const outcomes = await producer.send(records)
        const refused = outcomes.find(({ durable }) => durable === 'no')
        return refused ? outcomes.map(() => refused) : outcomes
      },
    })),
    turnsRed: ['answers one outcome per record, in the order of the batch'],
  },
  {
    flaw: "answers 'yes' before the record is anywhere safe",
    create: () => {
      const queue = memoryQueue({ maxBytes: 4 * 2 ** 20 })
      let alive = 0
      const early = producerOver(queue, (producer) => ({
        async send(records) {
          const born = alive
          setTimeout(() => born === alive && producer.send(records), 1)
          return records.map((): SendOutcome => ({ durable: 'yes' }))
        },
      }))
      return {
        queue: () => early,
        crash: () => {
          alive++
        },
      }
    },
    turnsRed: [
      'loses nothing answered with yes to the death of the process',
      'keeps its own copy of the bytes once send has resolved',
    ],
  },
  {
    flaw: 'stores concurrent sends in any order',
    create: withProducer((producer) => {
      let sends = 0
      return {
        async send(records, options) {
          for (let ticks = sends++ % 7; ticks > 0; ticks--) await Promise.resolve()
          return producer.send(records, options)
        },
      }
    }),
    turnsRed: ['keeps the order of a key among sends that do not wait'],
  },
  {
    flaw: 'hangs after close',
    create: withProducer((producer) => {
      let closed = false
      return {
        send: (records) => (closed ? new Promise(() => {}) : producer.send(records)),
        close: async () => {
          closed = true
        },
      }
    }),
    turnsRed: ["answers 'no' with ERR_CLOSED after close"],
  },
  {
    flaw: 'answers an empty batch like one of a record',
    create: withProducer((producer) => ({
      send: async (records) =>
        records.length === 0 ? [{ durable: 'yes' }] : producer.send(records),
    })),
    turnsRed: ['answers an empty batch with no outcomes'],
  },
  {
    flaw: 'stores the first thousand of a batch',
    create: withProducer((producer) => ({
      async send(records) {
        const outcomes = await producer.send(records.slice(0, 1_000))
        return records.map((_, at): SendOutcome => outcomes[at] ?? { durable: 'yes' })
      },
    })),
    turnsRed: [
      'takes a large batch with many keys',
      'answers truthfully for a batch of more records than it declares',
    ],
  },
  {
    flaw: 'closes under what is on its way',
    create: withProducer((producer) => ({
      async send(records, options) {
        await Promise.resolve()
        return producer.send(records, options)
      },
    })),
    turnsRed: ['waits at close for what is on its way'],
  },
  {
    flaw: 'closes every producer with one',
    create: withQueue((queue) => {
      let only: Promise<Producer> | undefined
      return {
        producer: () => {
          only ??= queue.producer()
          return only
        },
      }
    }),
    turnsRed: ['serves two producers at once'],
  },
  {
    flaw: 'rejects where nobody waits',
    create: withProducer((producer) => ({
      async send(records, options) {
        options?.signal?.throwIfAborted()
        return producer.send(records, options)
      },
    })),
    turnsRed: ['answers truthfully when the caller no longer waits'],
  },
]
