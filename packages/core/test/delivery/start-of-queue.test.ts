import { describe, expect, test } from 'vitest'
import type { Delivery } from '../../src/consumer/consumer.ts'
import { Alarms } from '../../src/delivery/alarms.ts'
import { StartOfQueue } from '../../src/delivery/start-of-queue.ts'
import { VirtualClock } from '../../src/testing/virtual-clock.ts'
import { FakeQueue } from './support/fake-queue.ts'

const letters = new Map([['r1.0:search', 1n]])
const settled = () => new Promise(setImmediate)

/** A queue of so many records, and its start, with a letter of the first one. */
async function started(records: number, here = 0, silenceMs?: number) {
  const clock = new VirtualClock()
  const queue = new FakeQueue()
  queue.cannotTell = silenceMs !== undefined
  queue.silenceMs = silenceMs
  queue.addMany(records)
  const consumer = queue.consumer()
  const due = await consumer.watermark({ includeDelayed: false })
  let reads = 0
  const isQuiet = { now: true }
  const start = new StartOfQueue({
    ...{ targetName: 'search', clock, alarms: new Alarms(clock) },
    isQuiet: () => isQuiet.now,
    countHere: () => here,
    onRead: () => reads++,
  })
  start.begin({ end: due, due, letters })
  await settled()
  const pull = (maxRecords = 1): Promise<readonly Delivery[]> =>
    consumer.pull({ maxRecords, maxBytes: 1e6, signal: new AbortController().signal })
  return { clock, isQuiet, queue, consumer, start, pull, reads: () => reads }
}

describe('the start of a queue', () => {
  test('is read at once where nothing was in the queue, and its letters are forgotten', async () => {
    const { start, reads } = await started(0)
    expect([start.isRead, reads()]).toEqual([true, 1])
  })

  test('is read once nothing is left of it, also where nothing comes later', async () => {
    const { start, consumer, pull, reads } = await started(2)
    await consumer.ack(await pull())
    start.changed()
    await settled()
    expect(start.isRead).toBe(false)
    await consumer.ack(await pull())
    start.changed()
    await settled()
    expect([start.isRead, reads()]).toEqual([true, 1])
  })

  test('is read where all that is left of it is here, waiting', async () => {
    expect((await started(5, 4)).start.isRead).toBe(false)
    expect((await started(5, 5)).start.isRead).toBe(true)
  })

  test('is read when a later record comes', async () => {
    const { queue, start, pull, reads } = await started(1)
    queue.addMany(1)
    const [first, second] = await pull(2)
    expect(start.isDead(first as Delivery)).toBe(true)
    expect(start.isRead).toBe(false)
    expect(start.isDead(second as Delivery)).toBe(false)
    expect([start.isRead, reads()]).toEqual([true, 1])
  })

  test('is read where the queue cannot tell, once nothing has come for as long as that says', async () => {
    const { clock, start, pull, reads } = await started(1, 0, 32_000)
    await clock.advance(31_000)
    expect(start.isRead).toBe(false)
    const [delivery] = await pull()
    expect(start.isDead(delivery as Delivery)).toBe(true)
    await clock.advance(31_000)
    expect(start.isRead).toBe(false)
    await clock.advance(2_000)
    expect([start.isRead, reads()]).toEqual([true, 1])
  })

  test('is not read in a silence in which nothing is asked for', async () => {
    const { clock, isQuiet, start } = await started(1, 0, 4_000)
    isQuiet.now = false
    await clock.advance(60_000)
    expect(start.isRead).toBe(false)
    isQuiet.now = true
    start.changed()
    await clock.advance(0)
    expect(start.isRead).toBe(true)
  })

  test('tells a record of a letter from another write of its id', async () => {
    const { start, pull } = await started(1)
    const [delivery] = await pull()
    const { record } = delivery as Delivery
    expect(start.isDead({ ...(delivery as Delivery), record: { ...record, version: 9n } })).toBe(
      false,
    )
    expect(
      start.isDead({ ...(delivery as Delivery), record: { ...record, attemptEpoch: 1 } }),
    ).toBe(false)
    expect(start.isDead(delivery as Delivery)).toBe(true)
  })
})
