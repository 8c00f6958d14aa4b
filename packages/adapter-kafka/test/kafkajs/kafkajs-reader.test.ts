import { makeStoredRecord, VirtualClock } from '@daybook/core/testing'
import { expect, test } from 'vitest'
import type { KafkaClient } from '../../src/index.ts'
import { messageOf } from '../../src/kafka-message.ts'
import { openReader } from '../../src/kafkajs/kafkajs-reader.ts'
import type { KafkaJs } from '../../src/kafkajs/kafkajs-types.ts'
import { openPastReader } from '../../src/past/kafka-past-reader.ts'
import { pastPartsOf } from '../support/past-parts.ts'

type EachBatch = Parameters<ReturnType<KafkaJs['consumer']>['run']>[0]['eachBatch']

/** A client that joins at once, and then says what it is told to say of the partition 0 of `films`. */
function scriptedKafkaJs() {
  const on = new Map<string, (event: { payload: unknown }) => void>()
  let eachBatch: EachBatch | undefined
  const consumer = {
    connect: async () => {},
    disconnect: async () => {},
    subscribe: async () => {},
    run: async (options: { eachBatch: EachBatch }) => {
      eachBatch = options.eachBatch
      const memberAssignment = { films: [0] }
      on.get('consumer.group_join')?.({ payload: { memberId: 'm', memberAssignment } })
    },
    on: (event: string, listener: (event: { payload: unknown }) => void) => on.set(event, listener),
    seek: () => {},
    pause: () => {},
    resume: () => {},
  }
  return {
    kafka: { consumer: () => consumer } as unknown as KafkaJs,
    passesOver(first: number, last: number) {
      const offsets = { firstOffset: String(first), lastOffset: String(last) }
      const payload = { topic: 'films', partition: 0, batchSize: 0, ...offsets }
      on.get('consumer.end_batch_process')?.({ payload })
    },
    brings(offset: number): Promise<void> {
      const { key, value, headers } = messageOf(makeStoredRecord({ key: `film ${offset}` }))
      const place = { offset: String(offset), timestamp: '0' }
      const message = { key, value, headers: Object.fromEntries(headers), ...place }
      const batch = { topic: 'films', partition: 0, messages: [message] }
      const all = { batch: { ...batch, lastOffset: () => String(offset) }, isStale: () => false }
      const taking = eachBatch?.(all as unknown as Parameters<EachBatch>[0])
      return taking ?? Promise.reject(new Error('It is not run.'))
    },
  }
}

test('a minute of what other producers aborted is no silence to who reads the past through kafkajs', async () => {
  const clock = new VirtualClock()
  const { kafka, passesOver, brings } = scriptedKafkaJs()
  const client = { reader: (topic: string) => openReader(kafka, topic) } as KafkaClient
  const parts = pastPartsOf(client, clock, async () => [{ first: 0, next: 31 }])
  const past = await openPastReader(parts, { from: undefined, to: undefined })
  const { signal } = new AbortController()
  const reading = past.read({ maxRecords: 10, maxBytes: 10_000, signal })
  reading.catch(() => {})
  for (let first = 0; first < 30; first += 10) {
    // The reader has to be there, and to have asked for more.
    await new Promise((resolve) => setTimeout(resolve, 5))
    await clock.advance(20_000)
    passesOver(first, first + 9)
  }
  await new Promise((resolve) => setTimeout(resolve, 5))
  await brings(30)
  expect((await reading).map(({ record }) => record.key)).toEqual(['film 30'])
  await past.close()
})
