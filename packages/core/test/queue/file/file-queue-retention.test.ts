import { beforeEach, describe, expect, it } from 'vitest'
import { SeededRandom } from '../../../src/testing/seeded-random.ts'
import { SimulatedFileSystem } from '../../../src/testing/simulated-file-system.ts'
import type { VirtualClock } from '../../../src/testing/virtual-clock.ts'
import { openLock } from './support/open-lock.ts'
import { keysOf, OpenQueue, type OpenQueueOptions, pullNow } from './support/open-queue.ts'

const seed = Number(process.env['DAYBOOK_SEED'])
const day = 24 * 3600 * 1000
const retention = { timeMs: day, bytes: Number.POSITIVE_INFINITY }

let disk: SimulatedFileSystem

beforeEach(() => {
  disk = new SimulatedFileSystem({ random: new SeededRandom(seed) })
})

/** A queue with a segment for each record. */
function open(options: OpenQueueOptions = {}, clock?: VirtualClock): Promise<OpenQueue> {
  const place = { directory: '/q', fileSystem: disk, lock: openLock, segmentBytes: 4200 }
  return OpenQueue.open({ retention, ...place, ...options }, clock)
}

async function send(opened: OpenQueue, ...keys: readonly string[]): Promise<void> {
  for (const key of keys) await opened.send({ key, payload: Buffer.alloc(200) })
}

async function ackNext(opened: OpenQueue, target: string, records: number): Promise<void> {
  const consumer = await opened.consumer(target)
  await consumer.ack(await pullNow(consumer, records))
  await consumer.close()
}

/** Keys of what a target that has seen nothing yet is given. */
async function everything(clock: VirtualClock): Promise<readonly unknown[]> {
  const opened = await open({ targets: ['audit'], retention: undefined as never }, clock)
  const keys = keysOf(await pullNow(await opened.consumer('audit')))
  await opened.queue.close()
  return keys
}

describe('a file queue with a retention', () => {
  it('keeps what its slowest target has not acked, and nothing older', async () => {
    const opened = await open({ targets: ['search', 'cache'] })
    await send(opened, 'a', 'b', 'c', 'd')
    await ackNext(opened, 'cache', 4)
    await ackNext(opened, 'search', 2)
    await opened.clock.advance(2 * day)
    expect(opened.queue.kept?.()).toMatchObject({
      first: 3,
      last: 4,
      keptBy: 'target',
      target: { name: 'search', behind: 2 },
    })
    await opened.queue.close()
    expect(opened.errors).toEqual([])
    expect(await everything(opened.clock)).toEqual(['c', 'd'])
    expect(opened.queue.kept?.()).toBeUndefined()
  })

  it('keeps a record that is not due, and all behind it', async () => {
    const opened = await open()
    await send(opened, 'a')
    const dueAt = opened.clock.now() + 3 * day
    await opened.send({ key: 'late', dueAt, payload: Buffer.alloc(200) })
    await send(opened, 'b')
    const consumer = await opened.consumer()
    const deliveries = await pullNow(consumer)
    expect(keysOf(deliveries)).toEqual(['a', 'b'])
    await consumer.ack(deliveries)
    await opened.clock.advance(2 * day)
    expect(opened.queue.kept?.()).toMatchObject({ first: 2, keptBy: 'target' })
    await opened.clock.advance(day)
    const late = await pullNow(consumer)
    expect(keysOf(late)).toEqual(['late'])
    await consumer.ack(late)
    await opened.clock.advance(2 * day)
    expect(opened.queue.kept?.()).toMatchObject({ first: 4, last: 3, keptBy: 'retention' })
    await opened.queue.close()
  })

  it('is not held up by a target that was taken out, which is told when it comes back', async () => {
    const before = await open({ targets: ['search', 'cache'] })
    await send(before, 'a', 'b')
    await ackNext(before, 'cache', 1)
    await ackNext(before, 'search', 2)
    await before.queue.close()
    const without = await open({ targets: ['search'] }, before.clock)
    await send(without, 'c')
    await ackNext(without, 'search', 1)
    await without.clock.advance(2 * day)
    await send(without, 'd')
    await without.queue.close()
    expect(without.errors).toEqual([])
    const back = await open({ targets: ['search', 'cache'] }, before.clock)
    expect(back.errors).toMatchObject([
      { code: 'ERR_NOT_KEPT', message: expect.stringContaining('begins at record 4') },
    ])
    expect(keysOf(await pullNow(await back.consumer('cache')))).toEqual(['d'])
    await back.queue.close()
  })

  it('tells core when a target makes it grow past its bytes', async () => {
    const opened = await open({ retention: { timeMs: day, bytes: 9000 } })
    await send(opened, 'a', 'b', 'c')
    expect(opened.holds).toEqual([{ target: 'search', bytes: expect.any(Number) }])
    await opened.queue.close()
  })

  it('does no more for an append and a delivery where another target lags by hundreds of segments', async () => {
    const callsByLag: number[] = []
    for (const lag of [3, 300]) {
      disk = new SimulatedFileSystem({ random: new SeededRandom(seed) })
      const opened = await open({ targets: ['stuck', 'quick'], retention: { timeMs: 0, bytes: 1 } })
      const consumer = await opened.consumer('quick')
      const deliver = async (): Promise<void> => {
        const pulled = await pullNow(consumer)
        expect(pulled).not.toEqual([])
        await consumer.ack(pulled)
        await opened.clock.advance(5) // the ack is written then
      }
      for (let record = 0; record < lag; record++) await send(opened, `${record}`)
      await deliver()
      const before = disk.calls()
      for (let record = 0; record < 5; record++) {
        await send(opened, `late ${record}`)
        await deliver()
      }
      callsByLag.push(disk.calls() - before)
      expect(opened.queue.kept?.()).toMatchObject({ target: { name: 'stuck', behind: lag + 5 } })
      await consumer.close()
      await opened.queue.close()
    }
    expect(callsByLag[1]).toBe(callsByLag[0])
  })

  it('opens by the headers of its segments, of which it reads no more', async () => {
    const opened = await open()
    for (let record = 0; record < 50; record++) await send(opened, `${record}`)
    await opened.queue.close()
    const read = new Map<string, number>()
    disk.fault = ({ kind, path }) => {
      if (kind === 'read' && path.endsWith('.segment')) read.set(path, (read.get(path) ?? 0) + 1)
      return undefined
    }
    const again = await open({}, opened.clock)
    await again.queue.close()
    expect([...read.values()].sort()).toEqual([...new Array(49).fill(1), expect.any(Number)])
  })

  it('never lets go of what a power cut would make a target be given again', async () => {
    const random = new SeededRandom(seed)
    for (let round = 0; round < 40; round++) {
      disk = new SimulatedFileSystem({ random, writeBack: 0.2 })
      const opened = await open({ retention: { timeMs: 0, bytes: 1 } })
      const consumer = await opened.consumer()
      for (let step = 0; step < 12; step++) {
        await send(opened, `${step}`)
        const pulled = await pullNow(consumer, random.integer(0, 3))
        await consumer.ack(pulled.filter(() => random.chance(0.9)))
        if (random.chance(0.5)) await opened.clock.advance(random.integer(1, 200_000))
      }
      for (const keep of ['none', 'random'] as const) {
        const before = disk
        disk = disk.crash({ keep, random })
        const found = await open({ retention: { timeMs: 0, bytes: 1 } })
        expect(found.errors).toEqual([])
        await found.queue.close()
        disk = before
      }
      await consumer.close()
      await opened.queue.close()
    }
  })
})
