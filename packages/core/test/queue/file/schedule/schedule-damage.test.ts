import { readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { crc32 } from 'node:zlib'
import { beforeEach, describe, expect, it } from 'vitest'
import { blockBytes, runHeaderBytes } from '../../../../src/queue/file/schedule/run-format.ts'
import { SeededRandom } from '../../../../src/testing/seeded-random.ts'
import { SimulatedFileSystem } from '../../../../src/testing/simulated-file-system.ts'
import { VirtualClock } from '../../../../src/testing/virtual-clock.ts'
import { HookedFileSystem } from '../support/hooked-file-system.ts'
import { keysOf, OpenQueue, pullNow } from '../support/open-queue.ts'
import { ordersOf, ScheduleWorld } from '../support/schedule-world.ts'
import { temporaryDirectory } from '../support/temporary-directory.ts'

const seed = Number(process.env['DAYBOOK_SEED'])
/** With some more, for less runs than are merged: a file is not gone before it is damaged. */
const count = 30

let directory: string
let clock: VirtualClock
/** Of the records that `openWithRuns` has sent. */
let ids: string[]

beforeEach(async () => {
  directory = await temporaryDirectory()
  clock = new VirtualClock()
  ids = []
})

function open(): Promise<OpenQueue> {
  return OpenQueue.open({ directory, scheduleRecords: 5 }, clock)
}

/** A queue with delayed records, nearly all in runs, the later written the sooner due. */
async function openWithRuns(): Promise<OpenQueue> {
  const opened = await open()
  const consumer = await opened.consumer()
  for (let at = 0; at < count; at++) {
    const dueAt = clock.now() + 1000 * (count - at)
    for (const { id } of await opened.send({ key: `${at}`, dueAt })) ids.push(id)
    expect(await pullNow(consumer)).toEqual([])
  }
  await consumer.close()
  return opened
}

async function runFiles(): Promise<readonly string[]> {
  const names = await readdir(join(directory, 'schedules'))
  return names.map((name) => join(directory, 'schedules', name))
}

const inOrder = Array.from({ length: count }, (_, at) => `${count - 1 - at}`)

async function flip(path: string, at: number): Promise<void> {
  const bytes = await readFile(path)
  bytes[at] = (bytes[at] ?? 0) ^ 1
  await writeFile(path, bytes)
}

describe('a schedule whose runs are damaged', () => {
  const damages: readonly [string, (path: string) => Promise<void>][] = [
    ['is missing', (path) => rm(path)],
    ['is empty', (path) => writeFile(path, '')],
    ['has a damaged header', (path) => flip(path, 20)],
    ['has a damaged index', async (path) => flip(path, runHeaderBytes + 2 * blockBytes + 3)],
    ['is cut off', async (path) => writeFile(path, (await readFile(path)).subarray(0, -1))],
  ]
  it.each(damages)('is read from the log anew where one %s', async (_, damage) => {
    await (await openWithRuns()).queue.close()
    await damage((await runFiles())[0] ?? '')
    const opened = await open()
    const consumer = await opened.consumer()
    expect(opened.errors).toEqual([expect.objectContaining({ code: 'ERR_CORRUPT_LOG' })])
    expect(await pullNow(consumer)).toEqual([])
    expect(await consumer.backlog()).toMatchObject({ pending: 0, delayed: count })
    await clock.advance(count * 1000)
    expect(keysOf(await pullNow(consumer))).toEqual(inOrder)
    await consumer.close()
    await opened.queue.close()
  })

  it('is read from the log anew where one is another than the cursor names', async () => {
    await (await openWithRuns()).queue.close()
    const [first = '', second = ''] = await runFiles()
    await writeFile(first, await readFile(second))
    const opened = await open()
    const consumer = await opened.consumer()
    expect(opened.errors).toHaveLength(1)
    await clock.advance(count * 1000)
    expect(keysOf(await pullNow(consumer))).toEqual(inOrder)
    await consumer.close()
    await opened.queue.close()
  })

  it('goes on from the log where that shows while it is at work, with none early or twice', async () => {
    const opened = await openWithRuns()
    const consumer = await opened.consumer()
    await clock.advance(10_000)
    const before = keysOf(await pullNow(consumer))
    const mark = await consumer.watermark({ includeDelayed: false })
    for (const path of await runFiles()) await flip(path, runHeaderBytes + 100)
    const seen: (string | undefined)[] = []
    for (let second = 0; second < count; second++) {
      await clock.advance(1000)
      const deliveries = await pullNow(consumer)
      for (const { record } of deliveries) expect(record.dueAt).toBeLessThanOrEqual(clock.now())
      seen.push(...keysOf(deliveries))
    }
    expect(opened.errors).toEqual([expect.objectContaining({ code: 'ERR_CORRUPT_LOG' })])
    expect([...before, ...seen]).toEqual(inOrder)
    expect(await mark.remaining()).toBe(10)
    await consumer.close()
    await opened.queue.close()
  })

  it('is cancelled from as before, where the damage shows while records are counted', async () => {
    const opened = await openWithRuns()
    const consumer = await opened.consumer()
    const [first] = await opened.send({ key: 'first', dueAt: clock.now() + 500 })
    const recalled = await opened.queue.recall?.(first?.id ?? '')
    recalled?.letGo()
    const [second] = await opened.send({ key: 'second', dueAt: clock.now() + 600 })
    expect(await pullNow(consumer)).toEqual([])
    for (const path of await runFiles()) await flip(path, runHeaderBytes + 100)
    expect(await consumer.backlog()).toMatchObject({ pending: 0, delayed: count + 2 })
    expect(opened.errors).toHaveLength(1)
    for (const record of [first, second]) {
      const recall = await opened.queue.recall?.(record?.id ?? '')
      expect(recall?.findings.get('search')).toBe('held')
      await recall?.takeBack()
    }
    await clock.advance(count * 1000)
    expect(keysOf(await pullNow(consumer))).toEqual(inOrder)
    await consumer.close()
    await opened.queue.close()
  })

  it('is cancelled from as before, where the damage shows to a pull at the same time', async () => {
    await (await openWithRuns()).queue.close()
    const opened = await open()
    const consumer = await opened.consumer()
    await clock.advance(5000)
    for (const path of await runFiles()) await flip(path, runHeaderBytes + 100)
    const pull = pullNow(consumer)
    const recall = await opened.queue.recall?.(ids[0] ?? '')
    expect(recall?.findings.get('search')).toBe('held')
    recall?.letGo()
    expect(keysOf(await pull)).toEqual(inOrder.slice(0, 5))
    await consumer.close()
    await opened.queue.close()
  })

  it('has its records counted as before, also where they were counted unread', async () => {
    const opened = await openWithRuns()
    const consumer = await opened.consumer()
    const one = { key: 'one', dueAt: clock.now() + 1000 * (count + 1) }
    await opened.sendAll(Array.from({ length: 4 }, () => one))
    expect(await consumer.backlog()).toMatchObject({ pending: 0, delayed: count + 4 })
    expect(await pullNow(consumer)).toEqual([])
    for (const path of await runFiles()) await flip(path, runHeaderBytes + 100)
    const expected = { pending: 0, delayed: count + 4, approximate: false }
    expect(await consumer.backlog()).toMatchObject(expected)
    expect(opened.errors).toHaveLength(1)
    expect(await consumer.backlog()).toMatchObject(expected)
    const mark = await consumer.watermark({ includeDelayed: false })
    expect(await mark.remaining()).toBe(0)
    expect(await pullNow(consumer)).toEqual([])
    expect(await consumer.backlog()).toMatchObject(expected)
    await consumer.close()
    await opened.queue.close()
  })

  it('is read from the log anew where only a merge finds the damage, and is merged again', async () => {
    const disk = new SimulatedFileSystem({ random: new SeededRandom(seed) })
    const random = new SeededRandom(seed)
    const options = { fileSystem: disk, clock, random, runRecords: 4 }
    let world = await ScheduleWorld.open(options)
    const runs = (): readonly string[] => disk.paths.filter((path) => path.endsWith('.run'))
    const write = (): Promise<void> =>
      world.write(...Array.from({ length: 4 }, () => clock.now() + random.integer(1, 1000)))
    for (let count = 0; count < 6; count++) await write()
    await world.close()
    const [damaged = ''] = runs()
    const bytes = disk.bytesOf(damaged)
    const byIdAt = runHeaderBytes + blockBytes
    bytes[byIdAt] = (bytes[byIdAt] ?? 0) ^ 1
    disk.put(damaged, bytes)
    world = await ScheduleWorld.open(options, world.log)
    for (let count = 0; count < 60; count++) await write()
    expect(world.errors).toEqual([expect.objectContaining({ code: 'ERR_CORRUPT_LOG' })])
    expect(world.drops).toBe(1)
    expect(await world.schedule.countAfter(clock.now(), (count) => count)).toBe(66 * 4)
    await world.schedule.close({ isOwned: true })
    expect(runs().length).toBeLessThanOrEqual(2 * 8)
    await world.close()
    const again = await ScheduleWorld.open(options, world.log)
    await clock.advance(1000)
    expect(ordersOf(await again.take())).toEqual(again.expected())
    await again.close()
  })

  it('leaves a drain to wait for what was just being read to go out', async () => {
    const disk = new HookedFileSystem()
    await (await openWithRuns()).queue.close()
    const options = { directory, scheduleRecords: 5, fileSystem: disk }
    const opened = await OpenQueue.open(options, clock)
    const consumer = await opened.consumer()
    await clock.advance(2000)
    const mark = await consumer.watermark({ includeDelayed: false })
    expect(await mark.remaining()).toBe(2)
    const read = disk.holdUpRead((path) => path.endsWith('.segment'))
    const pulled = pullNow(consumer)
    await read.isBegun
    for (const path of await runFiles()) await flip(path, runHeaderBytes + 100)
    expect(await consumer.backlog()).toMatchObject({ pending: 2, delayed: count - 2 })
    expect(opened.errors).toHaveLength(1)
    expect(await mark.remaining()).toBe(2)
    read.goOn()
    const deliveries = await pulled
    expect(keysOf(deliveries)).toEqual(inOrder.slice(0, 2))
    await consumer.ack(deliveries.slice(0, 1))
    expect(await mark.remaining()).toBe(1)
    await consumer.ack(deliveries)
    expect(await mark.remaining()).toBe(0)
    await consumer.close()
    await opened.queue.close()
  })

  it('is refused, and left as it is, where one has a later format', async () => {
    await (await openWithRuns()).queue.close()
    const [path = ''] = await runFiles()
    const bytes = await readFile(path)
    bytes.writeUInt32LE(2, 8)
    bytes.writeUInt32LE(crc32(bytes.subarray(0, 60)), 60)
    await writeFile(path, bytes)
    const opened = await open()
    await expect(opened.consumer()).rejects.toMatchObject({ code: 'ERR_FUTURE_FORMAT' })
    expect(await readFile(path)).toEqual(bytes)
    await opened.queue.close()
  })
})
