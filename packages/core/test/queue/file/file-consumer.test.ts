import { readdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import fc from 'fast-check'
import { beforeEach, describe, expect, it } from 'vitest'
import { type Delivery, noAttempts } from '../../../src/consumer/consumer.ts'
import { SeededRandom } from '../../../src/testing/seeded-random.ts'
import { SimulatedFileSystem } from '../../../src/testing/simulated-file-system.ts'
import { VirtualClock } from '../../../src/testing/virtual-clock.ts'
import { HookedFileSystem } from './support/hooked-file-system.ts'
import { openLock } from './support/open-lock.ts'
import { keysOf, OpenQueue, pullNow } from './support/open-queue.ts'
import { temporaryDirectory } from './support/temporary-directory.ts'

const seed = Number(process.env['DAYBOOK_SEED'])

let directory: string
let clock: VirtualClock

beforeEach(async () => {
  directory = await temporaryDirectory()
  clock = new VirtualClock()
})

function open(targets = ['search'], scheduleRecords = 4): Promise<OpenQueue> {
  return OpenQueue.open({ directory, targets, scheduleRecords }, clock)
}

describe('FileConsumer', () => {
  it('hands out records behind what is acked only, after a restart', async () => {
    let opened = await open()
    await opened.send(...'abcdefg'.split('').map((key) => ({ key })))
    let consumer = await opened.consumer()
    const deliveries = await pullNow(consumer)
    await consumer.ack(deliveries.filter(({ record }) => 'abdf'.includes(record.key ?? '')))
    await consumer.close()
    await opened.queue.close()
    opened = await open()
    consumer = await opened.consumer()
    expect(keysOf(await pullNow(consumer))).toEqual(['c', 'e', 'g'])
    await consumer.close()
    await opened.queue.close()
  })

  it('hands out a large backlog in lots, in order and without a gap', async () => {
    const opened = await open()
    await opened.send(...Array.from({ length: 1200 }, (_, index) => ({ key: `k${index}` })))
    const consumer = await opened.consumer()
    const options = { maxRecords: 10_000, maxBytes: 1 << 30, signal: AbortSignal.timeout(60_000) }
    const lots = [await consumer.pull(options), await consumer.pull(options)]
    lots.push(await consumer.pull(options))
    expect(lots.map(({ length }) => length)).toEqual([500, 500, 200])
    expect(keysOf(lots.flat())).toEqual(Array.from({ length: 1200 }, (_, index) => `k${index}`))
    await opened.queue.close()
  })

  it('passes over records for other targets, and acks them', async () => {
    let opened = await open(['search', 'cassandra'])
    await opened.send({ key: 'a', target: 'cassandra' }, { key: 'b', target: 'cassandra' })
    const consumer = await opened.consumer()
    expect(await pullNow(consumer)).toEqual([])
    expect(await consumer.backlog()).toMatchObject({ pending: 0, delayed: 0 })
    await opened.send({ key: 'c', target: 'search' }, { key: 'd' })
    expect(keysOf(await pullNow(consumer))).toEqual(['c', 'd'])
    expect(await consumer.backlog()).toMatchObject({ pending: 2 })
    await consumer.close()
    await opened.queue.close()
    opened = await open(['search', 'cassandra'])
    expect(keysOf(await pullNow(await opened.consumer('cassandra')))).toEqual(['a', 'b', 'd'])
    await opened.queue.close()
  })

  it('jumps over a long stretch that is done with, without reading it', async () => {
    const disk = new HookedFileSystem()
    const segmentBytes = 1 << 20
    let opened = await OpenQueue.open({ directory, fileSystem: disk, segmentBytes }, clock)
    await opened.send({ key: 'first' })
    await opened.sendAll(Array.from({ length: 150_000 }, () => ({ key: 'k' })))
    let consumer = await opened.consumer()
    const deliveries = await pullNow(consumer, 200_000)
    await consumer.ack(deliveries.slice(1))
    await opened.send({ key: 'last' })
    await consumer.close()
    await opened.queue.close()
    opened = await OpenQueue.open({ directory, fileSystem: disk }, clock)
    let reads = 0
    disk.hook = (call) => {
      if (call === 'read') reads++
    }
    consumer = await opened.consumer()
    expect(keysOf(await pullNow(consumer))).toEqual(['first', 'last'])
    expect(reads).toBeLessThan(30)
    await consumer.close()
    await opened.queue.close()
  })

  it('hands out what was released before what is new, in its order', async () => {
    const opened = await open()
    await opened.send(...'abcdefgh'.split('').map((key) => ({ key })))
    const consumer = await opened.consumer()
    const first = await pullNow(consumer, 5)
    const released = [4, 1, 2].map((at) => first[at] as Delivery)
    await consumer.release(
      released.map((delivery) => ({ delivery, attempts: noAttempts, delayMs: 0 })),
    )
    expect(keysOf(await pullNow(consumer, 2))).toEqual(['b', 'c'])
    expect(keysOf(await pullNow(consumer))).toEqual(['e', 'f', 'g', 'h'])
    await consumer.close()
    await opened.queue.close()
  })

  it('keeps within the limits of a pull, whatever the records come from', async () => {
    const opened = await open()
    const payload = new Uint8Array(1000)
    await opened.send(...'abcdef'.split('').map((key) => ({ key, payload })))
    const consumer = await opened.consumer()
    const deliveries = await pullNow(consumer)
    await consumer.release(
      deliveries.map((delivery) => ({ delivery, attempts: noAttempts, delayMs: 0 })),
    )
    await opened.send({ key: 'g', payload })
    const signal = AbortSignal.abort()
    const sizes: number[] = []
    for (let count = 0; count < 7; ) {
      const pulled = await consumer.pull({ maxRecords: 10, maxBytes: 2500, signal })
      sizes.push(pulled.length)
      count += pulled.length
    }
    expect(sizes).toEqual([2, 2, 2, 1])
    await consumer.close()
    await opened.queue.close()
  })

  it('reads records again for core, by copies of their deliveries', async () => {
    const opened = await open()
    const records = await opened.send({ key: 'a' }, { key: 'b' }, { key: 'c' })
    const consumer = await opened.consumer()
    const deliveries = await pullNow(consumer)
    const copies = deliveries.map(({ record, ...rest }) => ({
      ...rest,
      record: { ...record, payload: undefined },
    }))
    const reloaded = await consumer.reload?.([...copies].reverse())
    expect(reloaded?.map(({ id }) => id)).toEqual(records.map(({ id }) => id).reverse())
    expect(reloaded?.[0]?.payload?.byteLength).toBe(records[2]?.payload?.byteLength)
    await consumer.close()
    await opened.queue.close()
  })

  it('refuses a delivery that no file consumer made', async () => {
    const opened = await open()
    await opened.send({})
    const consumer = await opened.consumer()
    const [delivery] = await pullNow(consumer)
    const stranger = { ...(delivery as Delivery), handle: undefined }
    await expect(consumer.ack([stranger])).rejects.toThrow(TypeError)
    await consumer.close()
    await opened.queue.close()
  })

  it('says that its counts are estimates where too much is unread', async () => {
    const opened = await open()
    const later = { dueAt: clock.now() + 1000 }
    await opened.send(...Array.from({ length: 5000 }, (_, at) => (at % 2 === 0 ? later : {})))
    const consumer = await opened.consumer()
    const { pending, delayed, approximate } = await consumer.backlog()
    expect(approximate).toBe(true)
    expect(pending + delayed).toBe(5000)
    await pullNow(consumer, 1000)
    expect(await consumer.backlog()).toMatchObject({
      pending: 2500,
      delayed: 2500,
      approximate: false,
    })
    await consumer.close()
    await opened.queue.close()
  })

  it('rejects a pull where the next record is damaged, after those before it were handed out', async () => {
    let opened = await open()
    await opened.send(...Array.from({ length: 30 }, (_, at) => ({ key: `key ${at}` })))
    await opened.queue.close()
    opened = await open()
    const consumer = await opened.consumer()
    const [name] = await readdir(join(directory, 'segments'))
    const path = join(directory, 'segments', name ?? '')
    const bytes = await readFile(path)
    bytes[bytes.indexOf('key 20')] = 0
    await writeFile(path, bytes)
    expect(await pullNow(consumer, 20)).toHaveLength(20)
    await expect(pullNow(consumer)).rejects.toMatchObject({ code: 'ERR_CORRUPT_LOG' })
    await expect(pullNow(consumer)).rejects.toMatchObject({ code: 'ERR_CORRUPT_LOG' })
    await consumer.close()
    await opened.queue.close()
  })

  it('goes on where it was after a close with a pull under way', async () => {
    const opened = await open()
    const consumer = await opened.consumer()
    const waiting = consumer.pull({
      maxRecords: 1,
      maxBytes: 1,
      signal: new AbortController().signal,
    })
    await consumer.close()
    expect(await waiting).toEqual([])
    await opened.send({ key: 'a' })
    const next = await opened.consumer()
    expect(keysOf(await pullNow(next))).toEqual(['a'])
    await next.close()
    await opened.queue.close()
  })
})

describe('records with a delay', () => {
  it('go before one written after their time, also where a read meets that one on its way', async () => {
    const disk = new HookedFileSystem()
    const opened = await OpenQueue.open({ directory, fileSystem: disk, recentBytes: 0 }, clock)
    const consumer = await opened.consumer()
    await opened.send({ key: 'delayed', dueAt: clock.now() + 1000 })
    expect(await pullNow(consumer)).toEqual([])
    await opened.send({ key: 'before' })
    const read = disk.holdUpRead((path) => path.endsWith('.segment'))
    const pulled = pullNow(consumer)
    await read.isBegun
    await clock.advance(1000)
    await opened.send({ key: 'after' })
    read.goOn()
    expect(keysOf(await pulled)).toEqual(['before', 'delayed', 'after'])
    await consumer.close()
    await opened.queue.close()
  })

  const delayed = (key: string, delayMs: number) => ({ key, dueAt: clock.now() + delayMs })

  it('are handed out when due by the clock, by one timer, equal times in the order sent', async () => {
    // A disk in memory: a real one may answer after the clock was moved past what is due.
    const fileSystem = new SimulatedFileSystem({ random: new SeededRandom(1) })
    const at = { directory: '/wal/titles', fileSystem, lock: openLock, scheduleRecords: 4 }
    const opened = await OpenQueue.open(at, clock)
    await opened.send(delayed('c', 300), delayed('b', 200), delayed('d', 300), delayed('a', 100))
    const consumer = await opened.consumer()
    const seen: [string | undefined, number][] = []
    const start = clock.now()
    while (seen.length < 4) {
      const pulling = consumer.pull({
        maxRecords: 10,
        maxBytes: 10_000,
        signal: new AbortController().signal,
      })
      for (const key of keysOf(await clock.runUntil(pulling))) seen.push([key, clock.now() - start])
    }
    expect(seen).toEqual([
      ['a', 100],
      ['b', 200],
      ['c', 300],
      ['d', 300],
    ])
    await consumer.close()
    await opened.queue.close()
  })

  it('are not early when the wall clock is set back, nor stuck when it is set forward', async () => {
    const opened = await open()
    await opened.send(delayed('a', 600_000))
    const consumer = await opened.consumer()
    const pulling = consumer.pull({
      maxRecords: 1,
      maxBytes: 1,
      signal: new AbortController().signal,
    })
    await settleDisk()
    clock.stepWallClock(-3_600_000)
    const dueAt = clock.now() + 3_600_000 + 600_000
    let done = false
    void pulling.then(() => {
      done = true
    })
    for (let step = 0; step < 30; step++) {
      await clock.advance(60_000)
      await settleDisk()
    }
    expect(done).toBe(false)
    clock.stepWallClock(dueAt - clock.now())
    await clock.advance(60_000)
    expect(keysOf(await pulling)).toEqual(['a'])
    await consumer.close()
    await opened.queue.close()
  })

  it('take the same place among the others after a restart as before', async () => {
    const step = fc.oneof(
      fc.record({ delayMs: fc.oneof(fc.constant(0), fc.integer({ min: 1, max: 400 })) }),
      fc.record({ passMs: fc.integer({ min: 1, max: 150 }) }),
    )
    const property = fc.asyncProperty(fc.array(step, { maxLength: 25 }), async (steps) => {
      directory = await temporaryDirectory()
      clock = new VirtualClock()
      let opened = await open()
      let consumer = await opened.consumer()
      const live: (string | undefined)[] = []
      const take = async (): Promise<void> => {
        live.push(...keysOf(await pullNow(consumer)))
      }
      for (const [at, each] of [...steps, { passMs: 500 }].entries()) {
        if ('delayMs' in each) {
          const due = each.delayMs === 0 ? {} : { dueAt: clock.now() + each.delayMs }
          await opened.send({ key: `${at}`, ...due })
          await take()
        } else {
          for (let passed = 0; passed < each.passMs; passed++) {
            await clock.advance(1)
            await take()
          }
        }
      }
      await consumer.close()
      await opened.queue.close()
      opened = await open()
      consumer = await opened.consumer()
      expect(keysOf(await pullNow(consumer))).toEqual(live)
      await consumer.close()
      await opened.queue.close()
    })
    await fc.assert(property, { seed, numRuns: 40 })
  }, 60_000)

  it('never go out early, and all go out, whatever the limits of the pulls', async () => {
    const property = fc.asyncProperty(
      fc.array(fc.integer({ min: 0, max: 50 }), { maxLength: 60 }),
      fc.integer({ min: 1, max: 7 }),
      async (delays, maxRecords) => {
        directory = await temporaryDirectory()
        clock = new VirtualClock()
        const opened = await open()
        await opened.send(...delays.map((delayMs, at) => delayed(`${at}`, delayMs)))
        const consumer = await opened.consumer()
        const seen: Delivery[] = []
        for (let passed = 0; passed <= 50; passed += 10) {
          const pulled = await pullNow(consumer, maxRecords)
          for (const { record } of pulled) expect(record.dueAt).toBeLessThanOrEqual(clock.now())
          seen.push(...pulled)
          await clock.advance(10)
        }
        seen.push(...(await pullNow(consumer)))
        expect(seen.map(({ record }) => record.dueAt)).toEqual(
          seen.map(({ record }) => record.dueAt).toSorted((a = 0, b = 0) => a - b),
        )
        expect(new Set(keysOf(seen)).size).toBe(delays.length)
        await consumer.close()
        await opened.queue.close()
      },
    )
    await fc.assert(property, { seed, numRuns: 15 })
  }, 60_000)

  it('are counted apart and left out of a watermark where asked', async () => {
    const opened = await open()
    await opened.send({ key: 'a' }, delayed('b', 1000), delayed('c', 2000), { key: 'd' })
    const consumer = await opened.consumer()
    const mark = await consumer.watermark({ includeDelayed: false })
    const all = await consumer.watermark({ includeDelayed: true })
    await opened.send({ key: 'e' }, delayed('f', 1000))
    expect([await mark.remaining(), await all.remaining()]).toEqual([2, 4])
    const now = await pullNow(consumer)
    expect([await mark.remaining(), await all.remaining()]).toEqual([2, 4])
    await consumer.ack(now)
    expect([await mark.remaining(), await all.remaining()]).toEqual([0, 2])
    expect(await consumer.backlog()).toMatchObject({ pending: 0, delayed: 3 })
    await clock.advance(1000)
    expect(await consumer.backlog()).toMatchObject({ pending: 2, delayed: 1 })
    const due = await pullNow(consumer)
    expect(due.map((delivery) => [mark.covers(delivery), all.covers(delivery)])).toEqual([
      [false, true],
      [false, false],
    ])
    expect([await mark.remaining(), await all.remaining()]).toEqual([0, 2])
    await consumer.close()
    await opened.queue.close()
  })
})

/** Lets the disk answer, and what waits for it go on. */
async function settleDisk(): Promise<void> {
  for (let turn = 0; turn < 10; turn++) {
    await new Promise((resolve) => setTimeout(resolve, 1))
    await clock.settle()
  }
}
