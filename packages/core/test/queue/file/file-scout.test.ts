import { beforeEach, describe, expect, it } from 'vitest'
import type { Consumer } from '../../../src/consumer/consumer.ts'
import { HookedFileSystem } from './support/hooked-file-system.ts'
import { OpenQueue, pullNow } from './support/open-queue.ts'
import { temporaryDirectory } from './support/temporary-directory.ts'

/** A reader takes as much at a time. */
const chunkBytes = 528 * 1024

let disk: HookedFileSystem
let opened: OpenQueue
let consumer: Consumer
/** Reads of segments since it was last set to 0. */
let reads: number

beforeEach(async () => {
  reads = 0
  disk = new HookedFileSystem()
  disk.hook = (call, path) => {
    if (call === 'read' && path.endsWith('.segment')) reads++
  }
  opened = await OpenQueue.open({ directory: await temporaryDirectory(), fileSystem: disk })
  consumer = await opened.consumer()
})

async function write(records: number, payloadBytes: number): Promise<void> {
  const payload = Buffer.alloc(payloadBytes, 7)
  await opened.sendAll(Array.from({ length: records }, () => ({ payload })))
}

describe('counting what a target has before it', () => {
  it('reads nothing for a drain that asks what is left while very much is', async () => {
    await write(9000, 300)
    const mark = await consumer.watermark({ includeDelayed: false })
    await consumer.ack(await pullNow(consumer, 2500))
    reads = 0
    expect(await mark.remaining()).toBe(6500)
    expect(reads).toBe(0)
  })

  it('reads some 8 MiB at most for each such question where records are large', async () => {
    await write(300, 64 * 1024)
    const mark = await consumer.watermark({ includeDelayed: false })
    expect(await mark.remaining()).toBe(300)
    expect(reads).toBeGreaterThan(0)
    expect(reads).toBeLessThanOrEqual((8 << 20) / chunkBytes + 1)
  })

  it('says that counts are estimates until it has read all of some large records', async () => {
    await write(299, 64 * 1024)
    await opened.send({ dueAt: opened.clock.now() + 60_000 })
    const first = await consumer.backlog()
    expect(first).toMatchObject({ pending: 300, delayed: 0, approximate: true })
    await consumer.backlog()
    const third = await consumer.backlog()
    expect(third).toMatchObject({ pending: 299, delayed: 1, approximate: false })
  })

  it('begins to look where the target is, not at the beginning of its segment', async () => {
    await write(20_000, 300)
    await consumer.ack(await pullNow(consumer, 12_000))
    reads = 0
    const { pending, oldestWrittenAt } = await consumer.backlog()
    expect({ pending, oldestWrittenAt }).toEqual({
      pending: 8000,
      oldestWrittenAt: opened.clock.now(),
    })
    expect(reads).toBe(1)
  })

  it('does not read what lies between two questions', async () => {
    await write(20_000, 300)
    await consumer.backlog()
    await consumer.ack(await pullNow(consumer, 12_000))
    reads = 0
    expect((await consumer.backlog()).pending).toBe(8000)
    expect(reads).toBe(1)
  })

  it('looks for redriven copies from where the target is', async () => {
    await write(12_000, 300)
    await opened.send({ key: 'wanted' })
    await consumer.ack(await pullNow(consumer, 11_900))
    reads = 0
    const signal = new AbortController().signal
    const found = await consumer.pullAhead?.({ wanted: ({ key }) => key === 'wanted', signal })
    expect(found?.map(({ record }) => record.key)).toEqual(['wanted'])
    expect(reads).toBe(1)
  })
})
