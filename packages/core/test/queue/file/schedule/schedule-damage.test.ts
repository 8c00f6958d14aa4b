import { readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { crc32 } from 'node:zlib'
import { beforeEach, describe, expect, it } from 'vitest'
import { blockBytes, runHeaderBytes } from '../../../../src/queue/file/schedule/run-format.ts'
import { VirtualClock } from '../../../../src/testing/virtual-clock.ts'
import { keysOf, OpenQueue, pullNow } from '../support/open-queue.ts'
import { temporaryDirectory } from '../support/temporary-directory.ts'

const count = 40

let directory: string
let clock: VirtualClock

beforeEach(async () => {
  directory = await temporaryDirectory()
  clock = new VirtualClock()
})

function open(): Promise<OpenQueue> {
  return OpenQueue.open({ directory, scheduleRecords: 5 }, clock)
}

/** A queue with delayed records, nearly all in runs, the later written the sooner due. */
async function openWithRuns(): Promise<OpenQueue> {
  const opened = await open()
  const consumer = await opened.consumer()
  for (let at = 0; at < count; at++) {
    await opened.send({ key: `${at}`, dueAt: clock.now() + 1000 * (count - at) })
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
