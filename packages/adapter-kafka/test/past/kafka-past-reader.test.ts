import { makeStoredRecord, VirtualClock } from '@daybook/core/testing'
import { expect, test } from 'vitest'
import { messageOf } from '../../src/kafka-message.ts'
import { openPastReader } from '../../src/past/kafka-past-reader.ts'
import { pastPartsOf } from '../support/past-parts.ts'
import { silentAtFirst } from '../support/silent-readers.ts'

const entries = [0, 1].map((offset) => {
  return { ...messageOf(makeStoredRecord({ key: `film ${offset}` })), offset, timestamp: 0 }
})

function partsOf(silent: number, bounds = async () => [{ first: 0, next: 2 }]) {
  const { client, counts } = silentAtFirst(silent, entries)
  const clock = new VirtualClock()
  return { parts: pastPartsOf(client, clock, bounds), clock, counts }
}

const everything = { from: undefined, to: undefined }
const limits = { maxRecords: 10, maxBytes: 10_000, signal: new AbortController().signal }

test('a past that falls silent is given up after half a minute, and read on with a new reader', async () => {
  const { parts, clock, counts } = partsOf(1)
  const reader = await openPastReader(parts, everything)
  const startedAt = clock.monotonic()
  await expect(clock.runUntil(reader.read(limits))).rejects.toMatchObject({
    ...{ code: 'ERR_IO', retryable: true },
    message: expect.stringMatching(
      /partition 0, .* nothing came for 30000 ms, waiting for offset 0/,
    ),
  })
  expect(clock.monotonic() - startedAt).toBe(30_000)
  expect(counts).toEqual({ opened: 1, closed: 1 })
  const found = await clock.runUntil(reader.read(limits))
  expect(found.map(({ record }) => record.key)).toEqual(['film 0', 'film 1'])
  await reader.close()
  expect(counts).toEqual({ opened: 2, closed: 2 })
})

test('a past that is silent when it is opened is given up, too', async () => {
  const { parts, clock } = partsOf(0, () => new Promise(() => {}))
  await expect(clock.runUntil(openPastReader(parts, everything))).rejects.toMatchObject({
    ...{ code: 'ERR_IO', retryable: true },
  })
})

test('a read of the past that is aborted while nothing comes leaves it to be read on', async () => {
  const { parts, clock, counts } = partsOf(1)
  const reader = await openPastReader(parts, everything)
  const giveUp = new AbortController()
  const reading = reader.read({ ...limits, signal: giveUp.signal })
  await new Promise((resolve) => setTimeout(resolve, 5))
  giveUp.abort()
  await expect(reading).rejects.toMatchObject({ code: 'ERR_ABORTED' })
  // The same reader is still asked, until that is silent for too long.
  await expect(clock.runUntil(reader.read(limits))).rejects.toMatchObject({ code: 'ERR_IO' })
  expect(counts.opened).toBe(1)
  expect(await clock.runUntil(reader.read(limits))).toHaveLength(2)
})
