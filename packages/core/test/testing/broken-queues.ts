import type { Consumer, Delivery, Watermark } from '../../src/consumer/consumer.ts'
import type { Producer, SendOutcome } from '../../src/producer/producer.ts'
import { memoryQueue } from '../../src/queue/memory-queue.ts'
import type { Queue } from '../../src/queue/queue.ts'
import type { Recall } from '../../src/queue/recall.ts'
import type { StoredRecord } from '../../src/record.ts'
import type { QueueSubject } from '../../src/testing/index.ts'

/** A queue broken on purpose, and the cases that have to notice. */
export interface BrokenQueue {
  readonly flaw: string
  readonly create: () => QueueSubject
  readonly turnsRed: readonly string[]
}

export const brokenQueues: readonly BrokenQueue[] = [
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
    flaw: 'has a clock that is fast',
    create: withQueue((queue) => ({
      open: ({ clock, ...context }) =>
        queue.open({ ...context, clock: { ...clock, now: () => clock.now() + 7_200_000 } }),
    })),
    turnsRed: [
      'keeps a delayed record delayed over a reopening',
      'does not hand out a delayed record before it is due',
    ],
  },
  {
    flaw: 'trusts timers with any delay',
    create: withProducer((producer) => ({
      send: (records) =>
        producer.send(records.map((record) => ({ ...record, dueAt: wrapped(record) }))),
    })),
    turnsRed: [
      'refuses a delay longer than it declares, or is not early with it',
      'is not early with delays too long for a timer',
    ],
  },
  {
    flaw: 'holds up a key for a delayed record',
    create: withConsumer((consumer) => ({
      async pull(options) {
        const { delayed } = await consumer.backlog()
        return delayed > 0 ? [] : consumer.pull(options)
      },
    })),
    turnsRed: ['holds up nothing for a delayed record'],
  },
  {
    flaw: 'carries payloads as text',
    create: withRecords((record) => ({
      ...record,
      payload: record.payload && Buffer.from(Buffer.from(record.payload).toString('utf8')),
    })),
    turnsRed: ['keeps every byte of a binary payload'],
  },
  {
    flaw: 'stores the whole buffer behind a view',
    create: withRecords((record) => ({
      ...record,
      payload: record.payload && new Uint8Array(record.payload.buffer),
    })),
    turnsRed: ['keeps exactly the bytes of a view into a larger buffer'],
  },
  {
    flaw: 'takes an empty payload for none',
    create: withRecords((record) => ({
      ...record,
      payload: record.payload?.byteLength ? record.payload : undefined,
    })),
    turnsRed: ['keeps no payload apart from an empty one'],
  },
  {
    flaw: 'carries versions as numbers',
    create: withRecords((record) => ({ ...record, version: BigInt(Number(record.version)) })),
    turnsRed: ['keeps versions up to 2^63-1 exactly'],
  },
  {
    flaw: 'copies headers by assignment',
    create: withRecords((record) => {
      const headers: Record<string, string> = {}
      for (const [name, value] of Object.entries(record.headers)) headers[name] = value
      return { ...record, headers }
    }),
    turnsRed: ['keeps keys and headers of any letters'],
  },
  {
    flaw: 'forgets the trace context',
    create: withRecords((record) => ({ ...record, traceContext: undefined })),
    turnsRed: [
      'keeps every field of a record',
      'keeps fields that are not set apart from empty ones',
    ],
  },
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
    flaw: 'forgets attempts',
    create: withConsumer(() => ({ saveAttempts: async () => {} })),
    turnsRed: [
      'keeps saved attempts for the next consumer',
      'keeps saved attempts over a reopening, to the letter',
    ],
  },
  {
    flaw: 'waits out the backoff itself',
    create: withConsumer((consumer) => ({
      async pull(options) {
        const deliveries = await consumer.pull(options)
        return deliveries.filter(({ attempts }) => attempts.notBefore <= Date.now())
      },
    })),
    turnsRed: ['hands out a record at once however far ahead its next attempt is'],
  },
  {
    flaw: 'forgets that an attempt was begun',
    create: withConsumer(() => ({ beginAttempts: async () => {} })),
    turnsRed: ['counts an attempt that was interrupted by the death of the process'],
  },
  {
    flaw: 'takes a clean close for a crash',
    create: withConsumer(() => ({ close: async () => {} })),
    turnsRed: [
      'ends a waiting pull with nothing when the consumer closes',
      'does not hang in pull after close',
      'counts no attempt that was begun before a clean close',
    ],
  },
  {
    flaw: 'counts attempts that had ended',
    create: withConsumer((consumer) => ({
      async saveAttempts(saved) {
        await consumer.saveAttempts(saved)
        await consumer.beginAttempts?.(saved.map(({ delivery }) => delivery))
      },
    })),
    turnsRed: ['counts no attempt that had ended before the death of the process'],
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
    flaw: 'makes a put of every op',
    create: withRecords((record) => ({ ...record, op: 'put' })),
    turnsRed: ['keeps each op'],
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
    flaw: 'waits for a day where a delay is over',
    create: withRecords((record) => {
      const isOver = record.dueAt !== undefined && record.dueAt < Date.now()
      return isOver ? { ...record, dueAt: Date.now() + 86_400_000 } : record
    }),
    turnsRed: ['hands out a record due in the past at once'],
  },
  {
    flaw: 'counts every handing out as an attempt',
    create: withDeliveries(({ attempts, ...delivery }) => ({
      ...delivery,
      attempts: { ...attempts, spent: attempts.spent + 1 },
    })),
    turnsRed: ['hands out a record never tried with no attempts'],
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
    flaw: 'declares larger records than it takes',
    create: withQueue(({ supports }) => ({
      supports: { ...supports, largestRecordBytes: 2 * supports.largestRecordBytes },
    })),
    turnsRed: ['takes a record as large as it declares'],
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
  {
    flaw: 'keeps the attempts saved first',
    create: withConsumer((consumer) => {
      const saved = new Set<string>()
      return {
        async saveAttempts(attempts) {
          await consumer.saveAttempts(
            attempts.filter(({ delivery }) => !saved.has(delivery.record.id)),
          )
          for (const { delivery } of attempts) saved.add(delivery.record.id)
        },
      }
    }),
    turnsRed: ['keeps the attempts saved last'],
  },
  {
    flaw: 'forgets the attempts given at release',
    create: withConsumer((consumer) => ({
      release: (releases) =>
        consumer.release(
          releases.map((release) => ({ ...release, attempts: release.delivery.attempts })),
        ),
    })),
    turnsRed: ['hands out a released record again, with the attempts given'],
  },
  {
    flaw: 'declares that a release holds its key',
    create: withQueue(({ supports }) => ({ supports: { ...supports, releaseHoldsKey: true } })),
    turnsRed: [
      'holds back the key of a record released with a delay if it declares so, and no other',
    ],
  },
  {
    flaw: 'holds back nothing that is recalled',
    create: withRecall(({ letGo }) => {
      letGo()
      return { letGo: () => {} }
    }),
    turnsRed: ['holds a recalled record back until it is let go'],
  },
  {
    flaw: 'forgets that a record was taken back',
    create: withRecall(({ letGo }) => ({ takeBack: async () => letGo() })),
    turnsRed: [
      'hands out no record that was taken back',
      'finds a delayed record that no consumer has come to',
      'hands out no record that was taken back before a crash',
      'counts a record no more that was taken back',
    ],
  },
  {
    flaw: 'recalls what has another id too',
    create: withQueue((queue) => {
      const ids = new Set<string>()
      const producer = producerOver(queue, (inner) => ({
        send(records, options) {
          for (const { id } of records) ids.add(id)
          return inner.send(records, options)
        },
      }))
      return {
        producer: producer.producer,
        async recall(id) {
          for (const each of ids) if (each !== id) await recallOf(queue, each)
          return recallOf(queue, id)
        },
      }
    }),
    turnsRed: ['holds back no other record than the one recalled'],
  },
  {
    flaw: 'does not know what was handed out',
    create: withRecall(({ findings }) => ({
      findings: new Map([...findings].map(([target]) => [target, 'unknown' as const])),
    })),
    turnsRed: ['says for which target it is too late to recall a record'],
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

/** The queue that is broken in the others, whole: wrapped in the same way, it must stay green. */
export const wholeQueue = withConsumer(() => ({}))

function withQueue(breakage: (queue: Queue) => Partial<Queue>): () => QueueSubject {
  return () => {
    // Small, so that the largest record is no burden.
    const queue = memoryQueue({ maxBytes: 4 * 2 ** 20 })
    const broken = { ...bound(queue), ...breakage(queue) }
    return { queue: () => broken, crash: () => {} }
  }
}

function withConsumer(breakage: (consumer: Consumer) => Partial<Consumer>): () => QueueSubject {
  return withQueue((queue) => ({
    consumer: async (target) => {
      const consumer = await queue.consumer(target)
      return { ...boundConsumer(consumer), ...breakage(consumer) }
    },
  }))
}

function withRecall(breakage: (recall: Recall) => Partial<Recall>): () => QueueSubject {
  return withQueue((queue) => ({
    recall: async (id) => {
      const recall = await recallOf(queue, id)
      return { ...recall, ...breakage(recall) }
    },
  }))
}

function recallOf(queue: Queue, id: string): Promise<Recall> {
  return queue.recall?.(id) ?? Promise.reject(new TypeError('It has no recall.'))
}

function withDeliveries(change: (delivery: Delivery) => Delivery): () => QueueSubject {
  return withConsumer((consumer) => ({
    pull: async (options) => (await consumer.pull(options)).map(change),
  }))
}

function withProducer(breakage: (producer: Producer) => Partial<Producer>): () => QueueSubject {
  return withQueue((queue) => producerOver(queue, breakage))
}

function withRecords(change: (record: StoredRecord) => StoredRecord): () => QueueSubject {
  return withProducer((producer) => ({
    send: (records, options) => producer.send(records.map(change), options),
  }))
}

function producerOver(queue: Queue, breakage: (producer: Producer) => Partial<Producer>): Queue {
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

function bound(queue: Queue): Queue {
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

function boundConsumer(consumer: Consumer): Consumer {
  return {
    pull: (options) => consumer.pull(options),
    ack: (deliveries) => consumer.ack(deliveries),
    release: (releases) => consumer.release(releases),
    beginAttempts: async (deliveries) => consumer.beginAttempts?.(deliveries),
    saveAttempts: (attempts) => consumer.saveAttempts(attempts),
    pullAhead: async (options) => (await consumer.pullAhead?.(options)) ?? [],
    backlog: () => consumer.backlog(),
    watermark: (options) => consumer.watermark(options),
    close: () => consumer.close(),
  }
}

/** What `setTimeout` makes of a delay past 2^31 - 1 ms. */
function wrapped({ dueAt }: StoredRecord): number | undefined {
  if (dueAt === undefined) return undefined
  return dueAt - Date.now() > 2 ** 31 - 1 ? Date.now() + 1 : dueAt
}
