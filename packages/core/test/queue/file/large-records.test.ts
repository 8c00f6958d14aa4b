import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { type Log, openLog } from '../../../src/queue/file/log.ts'
import type { StoredRecord } from '../../../src/record.ts'
import { makeStoredRecord } from '../../../src/testing/make-record.ts'
import { SeededRandom } from '../../../src/testing/seeded-random.ts'
import {
  SimulatedFileSystem,
  type SimulatedFileSystemOptions,
} from '../../../src/testing/simulated-file-system.ts'
import { logOptions, readAll } from '../../simulation/log-workload.ts'

const seed = Number(process.env['DAYBOOK_SEED'])
const kib = 1024

async function newDisk(options: Partial<SimulatedFileSystemOptions> = {}) {
  const disk = new SimulatedFileSystem({ random: new SeededRandom(seed), ...options })
  await disk.makeDirectory(logOptions(disk).directory)
  return disk
}

let filled = 0

/** Its payload is like no other's. */
function recordOf(payloadBytes: number): StoredRecord {
  filled += 1
  return makeStoredRecord({ payload: Buffer.alloc(payloadBytes, `payload ${filled} `) })
}

function payloadsOf(records: readonly StoredRecord[]): readonly string[] {
  return records.map(({ payload }) => Buffer.from(payload ?? []).toString('latin1'))
}

async function readPayloads(log: Log): Promise<readonly string[]> {
  return payloadsOf((await readAll(log)).map(({ record }) => record))
}

/** Around every size from which on a record is written or read in another way. */
const payloadBytes = fc.oneof(
  { weight: 4, arbitrary: fc.integer({ min: 1, max: 300 }) },
  { weight: 4, arbitrary: around(64 * kib) },
  { weight: 4, arbitrary: around(256 * kib) },
  { weight: 1, arbitrary: around(4096 * kib) },
)

function around(bytes: number): fc.Arbitrary<number> {
  return fc.integer({ min: bytes - 150, max: bytes + 9 })
}

describe('a log of small and large records', () => {
  it('gives back what was appended, in order and by address, in this life and the next', async () => {
    const calls = fc.array(fc.array(payloadBytes, { minLength: 1, maxLength: 3 }), { maxLength: 5 })
    await fc.assert(
      fc.asyncProperty(calls, fc.constantFrom(7 * kib, 1e9), async (sizes, segmentBytes) => {
        const disk = await newDisk()
        const options = logOptions(disk, { segmentBytes, maxGroupBytes: 8e6 })
        const log = await openLog(options)
        const records = sizes.map((call) => call.map(recordOf))
        await Promise.all(records.map((call) => log.append(call)))
        const expected = payloadsOf(records.flat())
        const entries = await readAll(log)
        expect(payloadsOf(entries.map(({ record }) => record))).toEqual(expected)
        const again = await Promise.all(entries.map(({ address }) => log.readAt(address)))
        expect(payloadsOf(again.map(({ record }) => record))).toEqual(expected)
        // Without the mark of a clean close all frames of the last segment are gone through.
        const next = await openLog({ ...options, fileSystem: disk.crash({ keep: 'none' }) })
        expect(await readPayloads(next)).toEqual(expected)
        await next.close()
        await log.close()
      }),
      { seed, numRuns: 10 },
    )
  })

  it('writes a group anew where it did not expect to, after a failure', async () => {
    const disk = await newDisk()
    const log = await openLog(logOptions(disk, { segmentBytes: 1e9 }))
    await log.append([recordOf(10)])
    disk.fault = ({ kind }) => (kind === 'writeDurably' ? { fail: 'EIO' } : undefined)
    const failing = log.append([recordOf(400 * kib)])
    const moved = [recordOf(100), recordOf(270 * kib), recordOf(10), recordOf(300 * kib)]
    const waiting = log.append(moved)
    expect(await failing).toMatchObject([{ durable: 'no' }])
    disk.fault = () => undefined
    expect(await waiting).toEqual(moved.map(() => ({ durable: 'yes' })))
    expect((await readPayloads(log)).slice(1)).toEqual(payloadsOf(moved))
    await log.close()
  })

  it.each([1, 70, 300])(
    'gives payloads of %i KiB that nobody can empty by a transfer',
    async (size) => {
      const log = await openLog(
        logOptions(await newDisk(), { segmentBytes: 1e9, maxGroupBytes: 8e6 }),
      )
      const records = [recordOf(size * kib), recordOf(size * kib)]
      await log.append(records)
      const entries = (await readAll(log)).map(({ record }) => record)
      for (const { payload } of entries) {
        const buffer = payload?.buffer as ArrayBuffer
        expect(() => structuredClone(buffer, { transfer: [buffer] })).toThrow(/transfer/)
      }
      expect(payloadsOf(entries)).toEqual(payloadsOf(records))
      await log.close()
    },
  )

  it('reads all of it where reads fail at times', async () => {
    const disk = await newDisk()
    const log = await openLog(logOptions(disk, { segmentBytes: 1e9, maxGroupBytes: 8e6 }))
    const random = new SeededRandom(seed)
    const sizes = Array.from({ length: 120 }, () => random.pick([100, 3000, 40 * kib, 66 * kib]))
    const records = sizes.map(recordOf)
    await log.append(records)
    let failures = 0
    disk.fault = ({ kind }) => {
      // The first one fails whatever comes: a few reads may be all there are.
      if (kind !== 'read' || (failures > 0 && random.chance(0.6))) return undefined
      failures += 1
      return { fail: 'EIO' }
    }
    const reader = log.reader(1)
    const found: StoredRecord[] = []
    for (let reads = 0; found.length < records.length && reads < 1000; reads++) {
      const read = reader.read({ maxRecords: random.integer(1, 9), maxBytes: 1e6 })
      const entries = await read.catch(() => [])
      found.push(...entries.map(({ record }) => record))
    }
    disk.fault = () => undefined
    expect(failures).toBeGreaterThan(0)
    expect(payloadsOf(found)).toEqual(payloadsOf(records))
    await reader.close()
    await log.close()
  })

  it('loses the whole of a torn record in a power cut, and nothing else', async () => {
    for (let cut = 0; cut < 20; cut++) {
      const disk = await newDisk({ durableWrites: cut % 2 === 0 })
      const log = await openLog(logOptions(disk, { segmentBytes: 1e9 }))
      const kept = recordOf(300 * kib)
      await log.append([kept])
      disk.fault = ({ kind }) =>
        kind === 'writeDurably' || kind === 'sync' ? { halt: true } : undefined
      const torn = recordOf(270 * kib)
      void log.append([torn])
      await disk.halted
      const random = new SeededRandom(seed + cut)
      const found = disk.crash({ keep: 'random', random })
      const next = await openLog(logOptions(found))
      const texts = await readPayloads(next)
      expect(texts[0]).toBe(payloadsOf([kept])[0])
      if (texts.length > 1) expect(texts[1]).toBe(payloadsOf([torn])[0])
      await next.append([recordOf(280 * kib)])
      expect((await readAll(next)).length).toBe(texts.length + 1)
      await next.close()
    }
  })

  it('refuses to read or to open what is damaged, wherever in a large record that is', async () => {
    for (const offset of [30, 300 * kib, 5000 * kib]) {
      const disk = await newDisk()
      const options = logOptions(disk, { segmentBytes: 1e9 })
      const log = await openLog(options)
      await log.append([recordOf(10), recordOf(5000 * kib), recordOf(10)])
      const address = (await readAll(log))[1]?.address ?? 0
      const [path = ''] = disk.paths
      const file = await disk.open(path, 'read-write')
      await file.write(Buffer.from('damage'), address + offset)
      const reader = log.reader(2)
      const limits = { maxRecords: 1, maxBytes: 1 }
      await expect(reader.read(limits)).rejects.toMatchObject({ code: 'ERR_CORRUPT_LOG' })
      await expect(log.readAt(address)).rejects.toMatchObject({ code: 'ERR_CORRUPT_LOG' })
      await log.close()
      await expect(openLog(options)).rejects.toMatchObject({ code: 'ERR_CORRUPT_LOG' })
    }
  })

  it('hands out a large payload where it was read, without another copy', async () => {
    const disk = await newDisk()
    const log = await openLog(logOptions(disk))
    await log.append([recordOf(1000 * kib), recordOf(100)])
    const [entry, small] = await readAll(log)
    const read = entry && [entry, await log.readAt(entry.address)]
    for (const { record, bytes } of read ?? []) {
      expect(record.payload?.buffer.byteLength).toBeLessThanOrEqual(bytes)
      expect(record.payload?.byteOffset).toBeGreaterThan(24)
    }
    expect(small?.record.payload?.buffer.byteLength).toBeLessThan(256 * kib)
    await log.close()
  })
  it('hands out payloads of 64 KiB where they were read, each beside a few others at most', async () => {
    const disk = await newDisk()
    const log = await openLog(logOptions(disk, { segmentBytes: 1e9, maxGroupBytes: 8e6 }))
    const records = Array.from({ length: 24 }, () => recordOf(64 * kib))
    await log.append([...records, recordOf(63 * kib)])
    const entries = await readAll(log)
    const buffers = entries.map(({ record }) => record.payload?.buffer as ArrayBuffer)
    const [last, ...shared] = buffers.toReversed()
    for (const { byteLength } of shared) expect(byteLength).toBeLessThanOrEqual(8 * 66 * kib)
    expect(new Set(shared).size).toBe(records.length / 8)
    expect(last?.byteLength).toBeLessThanOrEqual(64 * kib)
    // Read on, over whatever is read into again.
    await readAll(log)
    const kept = entries.slice(0, -1).map(({ record }) => record)
    expect(payloadsOf(kept)).toEqual(payloadsOf(records))
    await log.close()
  })
})
