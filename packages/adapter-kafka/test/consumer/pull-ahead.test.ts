import type { QueueContext, StoredRecord } from '@daybook/core'
import { systemRandom, WalError } from '@daybook/core'
import { makeStoredRecord, VirtualClock } from '@daybook/core/testing'
import { expect, onTestFinished, test } from 'vitest'
import { KafkaConsumer } from '../../src/consumer/kafka-consumer.ts'
import { Lag } from '../../src/consumer/lag.ts'
import { Progress } from '../../src/consumer/progress.ts'
import { textOf } from '../../src/consumer/progress-text.ts'
import type { KafkaAdmin, KafkaClient, KafkaEntry, KafkaMessage } from '../../src/index.ts'
import { messageOf } from '../../src/kafka-message.ts'
import { settingsOf } from '../../src/kafka-options.ts'
import { claimMessage, copyMessage } from '../../src/parked/parked-message.ts'
import { Places } from '../../src/places.ts'
import type { QueueParts } from '../../src/queue-parts.ts'

const records = 'films'
const parked = 'films.parked.store'

/** More than there is room for. */
const offsets = [0, 1, 2, 3, 4, 5, 6, 7, 8]
const room = 4

/** All of the first partition's records are parked, and none of the second one's is done with. */
function fullTopics(): Map<string, KafkaEntry[]> {
  const logs = new Map<string, KafkaEntry[]>()
  const append = (name: string, messages: readonly KafkaMessage[]): readonly KafkaEntry[] => {
    const entries = messages.map((one, offset) => ({ ...one, offset, timestamp: 0 }))
    logs.set(name, entries)
    return entries
  }
  const messages = (key: string) =>
    offsets.map((offset) => messageOf(makeStoredRecord({ id: `${key}${offset}`, key })))
  const waiting = append(`${records}/0`, messages('a'))
  append(`${records}/1`, messages('b'))
  const copies = waiting.map((one) => copyMessage(1, { topic: records, partition: 0 }, one))
  append(`${parked}/0`, [claimMessage(1), ...copies])
  append(`${parked}/1`, [])
  return logs
}

/** A consumer that holds as much of both partitions as it may, and a cluster of which a topic can be `unread`. */
async function fullConsumer() {
  const logs = fullTopics()
  const unread = new Set<string>()
  const clock = new VirtualClock()
  const note = { claim: 1, start: 0, floor: 0, count: offsets.length }
  const metadata = textOf({
    ...{ progress: new Progress(offsets.length), attempts: new Map(), begun: [], parked: note },
  })
  const admin = {
    committed: async () =>
      new Map([[0, { topic: records, partition: 0, offset: offsets.length, metadata }]]),
    bounds: async (topic: string) =>
      [0, 1].map((partition) => ({ first: 0, next: logs.get(`${topic}/${partition}`)?.length })),
    deleteBefore: async () => {},
  } as unknown as KafkaAdmin
  const places = [0, 1].map((partition) => ({ topic: records, partition }))
  const client = {
    ...{
      name: 'full',
      admin: async () => admin,
      sender: async () => Promise.reject(new Error('None.')),
    },
    group: async (_, listener) => {
      listener.assigned(places)
      return {
        read(place, from) {
          const lot = logs.get(`${records}/${place.partition}`)?.slice(from, from + room) ?? []
          if (lot.length > 0) queueMicrotask(() => listener.entries(place, lot, from + lot.length))
        },
        pause() {},
        commit: async () => {},
        close: async () => {},
      }
    },
    reader: async (topic) => ({
      async *read(partition, from, to) {
        for (const entry of logs.get(`${topic}/${partition}`)?.slice(from, to) ?? []) {
          if (unread.has(topic)) throw new WalError('ERR_IO', `${topic}: not now`)
          yield [entry]
        }
      },
      close: async () => {},
    }),
  } as Partial<KafkaClient> as KafkaClient
  const options = settingsOf({ client, topic: records, bufferRecords: room })
  const parts: QueueParts = {
    ...{ client, options, admin, lag: new Lag(admin, options), parking: new Set([parked]) },
    context: {
      ...{ namespace: 'films', targets: ['store'], clock, random: systemRandom },
      ...{ blocksKeys: true, reportError() {} },
    } as unknown as QueueContext,
    places: new Places([[records, 2]]),
    retentionMs: Number.POSITIVE_INFINITY,
    pause: (ms) => new Promise<void>((resolve) => void clock.setTimer(ms, resolve)),
  }
  const consumer = new KafkaConsumer(parts, 'store', async ({ topic, partition }, message) => {
    const log = logs.get(`${topic}/${partition}`)
    log?.push({ ...message, offset: log.length, timestamp: 0 })
    return { durable: 'yes' }
  })
  await clock.runUntil(consumer.open())
  await clock.advance(1_000)
  onTestFinished(() => clock.runUntil(consumer.close()))
  const { signal } = new AbortController()
  const ahead = async (...ids: readonly string[]) => {
    const wanted = ({ id }: StoredRecord): boolean => ids.includes(id)
    const found = await clock.runUntil(consumer.pullAhead({ wanted, signal }))
    return found.map(({ record }) => record.id)
  }
  return { ahead, unread }
}

test('what is wanted is found ahead in the topic and in what is parked, beyond what there is room for', async () => {
  const { ahead } = await fullConsumer()
  expect(await ahead('a7', 'b8')).toEqual(expect.arrayContaining(['a7', 'b8']))
  expect(await ahead('a7', 'b8')).toEqual([])
})

test('what is found ahead in the topic is handed out also where what is parked cannot be read', async () => {
  const { ahead, unread } = await fullConsumer()
  unread.add(parked)
  expect(await ahead('a7', 'b8')).toEqual(['b8'])
  unread.clear()
  expect(await ahead('a7', 'b8')).toEqual(['a7'])
})

test('what is found in what is parked is handed out also where the topic cannot be read', async () => {
  const { ahead, unread } = await fullConsumer()
  unread.add(records)
  expect(await ahead('a7', 'b8')).toEqual(['a7'])
  unread.clear()
  expect(await ahead('a7', 'b8')).toEqual(['b8'])
})

test.each([records, parked])(
  'a search that finds nothing is not taken for a whole one where %s cannot be read',
  async (topic) => {
    const { ahead, unread } = await fullConsumer()
    unread.add(topic)
    await expect(ahead('nobody')).rejects.toMatchObject({
      ...{ code: 'ERR_IO', message: expect.stringContaining(`${topic}: not now`) },
    })
    unread.clear()
    expect(await ahead('nobody')).toEqual([])
  },
)
