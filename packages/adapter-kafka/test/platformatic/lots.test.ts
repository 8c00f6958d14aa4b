import { makeStoredRecord, VirtualClock } from '@daybook/core/testing'
import { expect, test } from 'vitest'
import type { KafkaClient, KafkaEntry } from '../../src/index.ts'
import { messageOf } from '../../src/kafka-message.ts'
import { openPastReader } from '../../src/past/kafka-past-reader.ts'
import { lotsOf } from '../../src/platformatic/lots.ts'
import { pastPartsOf } from '../support/past-parts.ts'

const place = { topic: 'films', partition: 0 }

test('a minute of what other producers aborted is no silence to who reads the past through @platformatic/kafka', async () => {
  const clock = new VirtualClock()
  const entry: KafkaEntry = { ...messageOf(makeStoredRecord()), offset: 30, timestamp: 0 }
  // Every other fetch finds nothing; the others find what counts for nothing, but for the last.
  let fetches = 0
  const fetch = async (from: number) => {
    await new Promise<void>((resolve) => clock.setTimer(10_000, resolve))
    if (fetches++ % 2 === 0) return undefined
    if (from === 30) return { ...place, entries: [entry], next: 31 }
    return { ...place, entries: [], next: from + 10 }
  }
  const reader = {
    read: (_: number, from: number, to: number, signal?: AbortSignal) =>
      lotsOf({ from, to, signal, fetch }),
    close: async () => {},
  }
  const client = { reader: async () => reader } as Partial<KafkaClient> as KafkaClient
  const parts = pastPartsOf(client, clock, async () => [{ first: 0, next: 31 }])
  const past = await openPastReader(parts, { from: undefined, to: undefined })
  const { signal } = new AbortController()
  const found = await clock.runUntil(past.read({ maxRecords: 10, maxBytes: 10_000, signal }))
  expect(found).toHaveLength(1)
  expect(clock.monotonic()).toBeGreaterThan(60_000)
  await past.close()
})

test('a partition in which nothing moves on yields nothing, and ends when the signal aborts', async () => {
  const giveUp = new AbortController()
  let fetches = 0
  const fetch = async (from: number) => {
    if (++fetches === 5) giveUp.abort()
    return { ...place, entries: [], next: from }
  }
  const lots: (readonly KafkaEntry[])[] = []
  for await (const lot of lotsOf({ from: 0, to: 9, signal: giveUp.signal, fetch })) lots.push(lot)
  expect(lots).toEqual([])
  expect(fetches).toBe(5)
})
