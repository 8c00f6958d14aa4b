import { describe, expect, it } from 'vitest'
import { fileQueue } from '../../../src/queue/file/file-queue.ts'
import type { PastRange } from '../../../src/queue/past.ts'
import type { Queue } from '../../../src/queue/queue.ts'
import {
  makeStoredRecord,
  SeededRandom,
  SimulatedFileSystem,
  VirtualClock,
} from '../../../src/testing/index.ts'

const signal = new AbortController().signal
const minute = 60_000

describe('the reader of a past range of the file log', () => {
  it('places a record by when it was stored, whatever it says of when it was written', async () => {
    const { queue, clock, send } = await open()
    await send({ writtenAt: clock.now() - 10 * minute })
    await clock.advance(minute)
    const since = clock.now()
    await send({ writtenAt: since })
    await send({ writtenAt: since - 10 * minute })
    await send({ writtenAt: since + 10 * minute })
    const ids = await idsIn(queue, { from: { at: since }, to: undefined })
    expect(ids).toEqual(['2', '3', '4'])
    await clock.advance(minute)
    await send({ writtenAt: clock.now() })
    expect(await idsIn(queue, { from: undefined, to: { at: since } })).toEqual(['1'])
  })

  it('has the position of the last record before an instant at its end', async () => {
    const { queue, clock, send } = await open()
    await send({})
    await clock.advance(minute)
    const to = { at: clock.now() }
    await send({})
    const reader = await queue.pastReader?.({ from: undefined, to })
    const limits = { maxRecords: 10, maxBytes: 1e9, signal }
    expect(await reader?.read(limits)).toHaveLength(1)
    expect(await reader?.read(limits)).toEqual([])
    expect(reader?.position).toBe('1')
    await reader?.close()
  })

  it('keeps what it has to read, and lets it go when closed', async () => {
    const { queue, clock, send } = await open({ bytes: 1 })
    for (let count = 0; count < 20; count++) await send({})
    const reader = await queue.pastReader?.({ from: undefined, to: undefined })
    const first = queue.kept?.()?.first
    await ackAll(queue)
    for (let count = 0; count < 20; count++) await send({})
    await clock.advance(3 * minute)
    await expect.poll(() => queue.kept?.()).toMatchObject({ first, keptBy: 'reader' })
    const read = await reader?.read({ maxRecords: 1, maxBytes: 1, signal })
    expect(read?.map(({ record }) => record.id)).toEqual(['1'])
    await reader?.close()
    await ackAll(queue)
    await clock.advance(3 * minute)
    await expect.poll(() => queue.kept?.()?.first).toBeGreaterThan(20)

    const gone = queue.pastReader?.({ from: { position: '3' }, to: undefined })
    await expect(gone).rejects.toMatchObject({ code: 'ERR_NOT_KEPT' })
    const long = queue.pastReader?.({ from: { at: clock.now() - 60 * minute }, to: undefined })
    await expect(long).rejects.toMatchObject({ code: 'ERR_NOT_KEPT' })
    await expect(idsIn(queue, { from: undefined, to: undefined })).resolves.not.toContain('1')
  })

  it('finds the same again once a wall clock that was set back is right', async () => {
    const { queue, clock, send } = await open()
    for (let count = 0; count < 4; count++) {
      await send({})
      await clock.advance(10 * minute)
    }
    const range: PastRange = { from: { at: clock.now() - 25 * minute }, to: undefined }
    const ids = await idsIn(queue, range)
    expect(ids.at(-1)).toBe('4')
    clock.stepWallClock(-60 * minute)
    expect(queue.kept?.()).toMatchObject({ keptBy: 'retention' })
    clock.stepWallClock(60 * minute)
    expect(await idsIn(queue, range)).toEqual(ids)
  })

  it('refuses a position that is none of this log', async () => {
    const { queue, send } = await open()
    await send({})
    for (const position of ['2', '-1', '0x1', 'titles', '']) {
      const opened = queue.pastReader?.({ from: { position }, to: undefined })
      await expect(opened).rejects.toMatchObject({ code: 'ERR_INVALID_REPLAY' })
    }
    expect(await idsIn(queue, { from: { position: '0' }, to: { position: '1' } })).toEqual(['1'])
  })
})

async function open({ bytes = Number.POSITIVE_INFINITY } = {}) {
  const clock = new VirtualClock()
  const random = new SeededRandom(1)
  const fileSystem = new SimulatedFileSystem({ random })
  const queue = fileQueue({
    directory: '/queue',
    segmentBytes: 8_192,
    fileSystem,
    lock: async () => ({ isHeld: async () => true, release: async () => {} }),
  })
  await queue.open({
    namespace: 'past',
    targets: ['store'],
    directory: undefined,
    clock,
    random,
    retention: { timeMs: Number.POSITIVE_INFINITY, bytes },
    reportError: (error) => {
      throw error
    },
  })
  const producer = await queue.producer()
  let count = 0
  const send = async (fields: { writtenAt?: number }): Promise<void> => {
    const record = makeStoredRecord({
      id: String(++count),
      writtenAt: clock.now(),
      payload: new Uint8Array(900),
      ...fields,
    })
    const [outcome] = await producer.send([record])
    expect(outcome?.durable).toBe('yes')
  }
  return { queue, clock, send }
}

async function idsIn(queue: Queue, range: PastRange): Promise<readonly string[]> {
  const reader = await queue.pastReader?.(range)
  const ids: string[] = []
  for (;;) {
    const read = (await reader?.read({ maxRecords: 3, maxBytes: 1e9, signal })) ?? []
    if (read.length === 0) break
    ids.push(...read.map(({ record }) => record.id))
  }
  await reader?.close()
  return ids
}

async function ackAll(queue: Queue): Promise<void> {
  const consumer = await queue.consumer('store')
  for (;;) {
    const limits = { maxRecords: 100, maxBytes: 1e9 }
    const pulled = await consumer.pull({ ...limits, signal: AbortSignal.timeout(50) })
    if (pulled.length === 0) break
    await consumer.ack(pulled)
  }
  await consumer.close()
}
