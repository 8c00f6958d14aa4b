import { WalError } from '../../src/errors.ts'
import { memoryQueue } from '../../src/queue/memory-queue.ts'
import type { PastPlace, PastRange, PastReader, PastRecord } from '../../src/queue/past.ts'
import type { Queue } from '../../src/queue/queue.ts'
import type { BrokenQueue } from './broken-queues/breakage.ts'

/** What a reader of the past may do wrong, given the one that does it right. */
type Breakage = (reader: PastReader, range: PastRange, past: readonly PastRecord[]) => PastReader

export const brokenPastQueues: readonly BrokenQueue[] = [
  {
    flaw: 'declares replay and has no reader of the past',
    create: () => {
      const { pastReader: _, ...queue } = queueWithPast((reader) => reader)
      return { queue: () => queue, reopens: true }
    },
    turnsRed: ['has a reader of the past if it declares replay, and only then'],
  },
  {
    flaw: 'leaves redriven records out of the past',
    create: broken((reader) => ({
      ...bound(reader),
      read: async (limits) =>
        (await reader.read(limits)).filter(({ record }) => record.attemptEpoch === 0),
    })),
    turnsRed: ['reads again what targets are done with, whole and in order'],
  },
  {
    flaw: 'takes what is read again out of the queue',
    create: () => {
      const queue = queueWithPast((reader) => reader)
      let eaten = false
      const eating: Queue = {
        ...queue,
        pastReader: (range) => {
          eaten = true
          return queue.pastReader?.(range) ?? Promise.reject(new TypeError('No past.'))
        },
        consumer: async (target) => {
          const consumer = await queue.consumer(target)
          return {
            pull: async (options) => (eaten ? [] : consumer.pull(options)),
            ack: (deliveries) => consumer.ack(deliveries),
            release: (releases) => consumer.release(releases),
            saveAttempts: (saved) => consumer.saveAttempts(saved),
            backlog: () => consumer.backlog(),
            watermark: (options) => consumer.watermark(options),
            close: () => consumer.close(),
          }
        },
      }
      return { queue: () => eating }
    },
    turnsRed: ['reads the past without a trace in the progress of a target'],
  },
  {
    flaw: 'takes no notice of where a range ends',
    create: () => {
      const queue = queueWithPast((reader) => reader)
      const endless: Queue = {
        ...queue,
        pastReader: (range) =>
          queue.pastReader?.({ ...range, to: undefined }) ??
          Promise.reject(new TypeError('No past.')),
      }
      return { queue: () => endless }
    },
    turnsRed: [
      'reads what was stored from one instant to before another',
      'goes on behind the position of a reader, also after a reopening',
    ],
  },
  {
    flaw: 'reads on into what came later',
    create: broken((_, range, past) => readerOf(past, range, () => past.length)),
    turnsRed: ['reads up to what was durable when the reader was opened'],
  },
  {
    flaw: 'takes no notice of the limits of a read of the past',
    create: broken((reader) => ({
      ...bound(reader),
      read: (limits) => reader.read({ ...limits, maxRecords: 1_000, maxBytes: 2 ** 30 }),
    })),
    turnsRed: ['heeds the limits of a read of the past'],
  },
  {
    flaw: 'reads the past for nobody',
    create: broken((reader) => ({
      ...bound(reader),
      read: (limits) => reader.read({ ...limits, signal: new AbortController().signal }),
    })),
    turnsRed: ['reads nothing of the past once aborted or closed'],
  },
]

/** The same, whole. */
export const wholePastQueue = broken((reader) => reader)

function broken(breakage: Breakage): BrokenQueue['create'] {
  return () => {
    const queue = queueWithPast(breakage)
    return { queue: () => queue, crash: () => {} }
  }
}

/** The memory queue, and beside it all that was ever sent. */
function queueWithPast(breakage: Breakage): Queue {
  const queue = memoryQueue({ maxBytes: 4 * 2 ** 20 })
  const past: PastRecord[] = []
  let now = (): number => 0
  return {
    kind: 'memory with a past',
    supports: { ...queue.supports, replay: true },
    open: (context) => {
      now = () => context.clock.now()
      return queue.open(context)
    },
    producer: async () => {
      const producer = await queue.producer()
      return {
        send: async (records, options) => {
          const outcomes = await producer.send(records, options)
          for (const [index, record] of records.entries()) {
            const bytes = 200 + (record.payload?.byteLength ?? 0)
            const isStored = outcomes[index]?.durable === 'yes'
            if (isStored) past.push({ record: structuredClone(record), storedAt: now(), bytes })
          }
          return outcomes
        },
        close: () => producer.close(),
      }
    },
    consumer: (target) => queue.consumer(target),
    deadLetters: () => queue.deadLetters(),
    recall: (id) => queue.recall?.(id) ?? Promise.reject(new TypeError('No recall.')),
    highestVersion: () => queue.highestVersion?.(),
    pastReader: async (range) => {
      const end = past.length
      return breakage(
        readerOf(past, range, () => end),
        range,
        past,
      )
    },
    close: () => queue.close(),
  }
}

function readerOf(past: readonly PastRecord[], range: PastRange, end: () => number): PastReader {
  let at = indexOf(past, range.from, 0)
  let closed = false
  return {
    get position() {
      return String(at)
    },
    async read({ maxRecords, maxBytes, signal }) {
      if (closed) throw new WalError('ERR_CLOSED', 'Closed.')
      if (signal.aborted) throw new WalError('ERR_ABORTED', 'Aborted.')
      const last = Math.min(end(), indexOf(past, range.to, end()))
      const read: PastRecord[] = []
      let bytes = 0
      for (; at < last && read.length < maxRecords && bytes < maxBytes; at++) {
        const one = past[at]
        if (one) read.push(one)
        bytes += one?.bytes ?? 0
      }
      return read
    },
    close: async () => {
      closed = true
    },
  }
}

function indexOf(past: readonly PastRecord[], place: PastPlace | undefined, none: number): number {
  if (place === undefined) return none
  if ('position' in place) return Number(place.position)
  const index = past.findIndex(({ storedAt }) => storedAt >= place.at)
  return index === -1 ? past.length : index
}

function bound(reader: PastReader): PastReader {
  return {
    get position() {
      return reader.position
    },
    read: (limits) => reader.read(limits),
    close: () => reader.close(),
  }
}
