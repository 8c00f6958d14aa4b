import { beforeEach, describe, expect, it } from 'vitest'
import type { WalError } from '../../../src/errors.ts'
import { frameBytes, frameHeaderBytes, sealFrame } from '../../../src/queue/file/frame.ts'
import { type Log, openLog } from '../../../src/queue/file/log.ts'
import { encodeRecord, recordBound } from '../../../src/queue/file/record-format.ts'
import {
  encodeSegmentHeader,
  readSegmentHeader,
  type SegmentHeader,
  segmentHeaderBytes,
  segmentSalt,
} from '../../../src/queue/file/segment-header.ts'
import { segmentName } from '../../../src/queue/file/segment-name.ts'
import { makeStoredRecord } from '../../../src/testing/make-record.ts'
import { SeededRandom } from '../../../src/testing/seeded-random.ts'
import { SimulatedFileSystem } from '../../../src/testing/simulated-file-system.ts'
import { VirtualClock } from '../../../src/testing/virtual-clock.ts'
import { directory, logOptions, readAll } from '../../simulation/log-workload.ts'
import { KnownProgress } from './support/known-progress.ts'

const seed = Number(process.env['DAYBOOK_SEED'])
const segmentBytes = 8192

let disk: SimulatedFileSystem
let clock: VirtualClock
let errors: WalError[]

beforeEach(async () => {
  disk = new SimulatedFileSystem({ random: new SeededRandom(seed) })
  await disk.makeDirectory(directory)
  clock = new VirtualClock()
  errors = []
})

/** A log that keeps next to nothing that it need not. */
async function open(fileSystem = disk): Promise<Log> {
  const done = new KnownProgress()
  done.lastingThrough = Number.POSITIVE_INFINITY
  const log = await openLog(
    logOptions(fileSystem, {
      clock,
      segmentBytes,
      zeroAheadBytes: 0,
      retention: { timeMs: 3_600_000, bytes: 1, targets: [done], onHeld() {} },
      reportError: (error) => errors.push(error),
    }),
  )
  log.startRetention()
  await clock.settle()
  return log
}

/** Fills so many segments, one with each record. */
async function fill(log: Log, records: number): Promise<void> {
  for (let record = 0; record < records; record++) {
    const written = makeStoredRecord({
      writtenAt: clock.now(),
      payload: Buffer.alloc(4096, 'old '),
    })
    expect(await log.append([written])).toEqual([{ durable: 'yes' }])
    await clock.settle()
  }
}

async function append(log: Log, payload: string): Promise<void> {
  const record = makeStoredRecord({ writtenAt: clock.now(), payload: Buffer.from(payload) })
  expect(await log.append([record])).toEqual([{ durable: 'yes' }])
  await clock.settle()
}

async function payloads(log: Log): Promise<readonly string[]> {
  return (await readAll(log)).map(({ record }) => Buffer.from(record.payload ?? []).toString())
}

function pathOf(number: number): string {
  return `${directory}/${segmentName(number)}`
}

function headerOf(path: string): SegmentHeader {
  const found = readSegmentHeader(disk.bytesOf(path))
  if (found.state !== 'whole') throw new Error(`the header of ${path} is ${found.state}`)
  return found.header
}

/** A frame as an earlier segment could have held it. */
function frameOf(stamp: { salt: number; sequence: number; syncedBytes: number }): Buffer {
  const record = makeStoredRecord({ payload: Buffer.from('of an earlier life') })
  const body = Buffer.alloc(recordBound(record))
  const bytes = encodeRecord(record, body, 0, 'films')
  const frame = Buffer.alloc(frameBytes(bytes))
  body.copy(frame, frameHeaderBytes, 0, bytes)
  sealFrame(frame, 0, bytes, stamp)
  return frame
}

describe('a file that is used again', () => {
  it('becomes the next segment, with what it held before still behind the end', async () => {
    const log = await open()
    await fill(log, 2)
    expect(disk.paths).toEqual([pathOf(1), pathOf(2)])
    const spareBytes = disk.bytesOf(pathOf(1)).length
    expect(log.kept()).toMatchObject({ segments: 1, spareBytes })
    await append(log, 'new')
    expect(disk.paths.toSorted()).toEqual([pathOf(2), pathOf(3)])
    const bytes = disk.bytesOf(pathOf(3))
    expect(bytes.length).toBe(spareBytes)
    expect(bytes.toString('latin1', 5000)).toContain('old old')
    expect(await payloads(log)).toEqual(['new'])
    await log.close()
  })

  it('is one of two at most', async () => {
    const log = await open()
    const release = log.hold(1)
    await fill(log, 6)
    release()
    await append(log, 'new')
    expect(log.kept().segments).toBe(1)
    expect(disk.paths).toHaveLength(3)
    await log.close()
  })

  it('is cut off at a close, so that the next start goes on with it', async () => {
    const log = await open()
    await fill(log, 2)
    await append(log, 'new')
    await log.close()
    expect(disk.bytesOf(pathOf(3)).length).toBeLessThan(4500)
    const next = await open()
    await append(next, 'newer')
    expect(disk.paths).toEqual([pathOf(3)])
    expect(await payloads(next)).toEqual(['new', 'newer'])
    await next.close()
  })

  it('is no longer there once the log is idle or closed', async () => {
    const log = await open()
    await fill(log, 3)
    expect(log.kept().spareBytes).toBeGreaterThan(0)
    await clock.advance(2 * 3_600_000)
    expect(log.kept()).toMatchObject({ spareBytes: 0, segments: 1 })
    expect(disk.paths).toHaveLength(1)
    await fill(log, 3)
    expect(disk.paths).toHaveLength(2)
    await log.close()
    expect(disk.paths).toHaveLength(1)
  })

  it('is left by a killed process to be removed at the next start', async () => {
    const log = await open()
    await fill(log, 2)
    await append(log, 'new')
    expect(disk.paths).toHaveLength(2)
    disk = disk.kill()
    const next = await open()
    expect(disk.paths).toEqual([pathOf(3)])
    next.hold(1)
    await append(next, 'newer')
    expect(await payloads(next)).toEqual(['new', 'newer'])
    await next.close()
  })

  it('is done without where its header cannot be written', async () => {
    const log = await open()
    await fill(log, 2)
    disk.fault = ({ kind, path }) =>
      kind === 'write' && path === pathOf(1) ? { fail: 'EIO' } : undefined
    await append(log, 'new')
    expect(errors).toMatchObject([{ code: 'ERR_IO' }])
    disk.fault = () => undefined
    expect(disk.bytesOf(pathOf(3)).toString('latin1')).not.toContain('old')
    await fill(log, 3)
    expect(disk.paths).toHaveLength(2)
    await log.close()
  })

  it('never hands out a frame of its earlier life, not even one with the next sequence', async () => {
    const log = await open()
    await fill(log, 2)
    await append(log, 'new')
    const header = headerOf(pathOf(3))
    const entries = await readAll(log)
    const end = (entries.at(-1)?.address ?? 0) + (entries.at(-1)?.bytes ?? 0) - header.position
    disk = disk.kill()
    const stamp = { sequence: log.lastSequence + 1, syncedBytes: end }
    const segment = disk.bytesOf(pathOf(3))
    const withFrame = (salt: number): Buffer => {
      const bytes = Buffer.from(segment)
      frameOf({ ...stamp, salt }).copy(bytes, end)
      return bytes
    }
    for (const salt of [1, 2].map((number) => segmentSalt({ ...header, number }))) {
      disk.put(pathOf(3), withFrame(salt))
      const next = await open(disk.crash({ keep: 'all' }))
      expect(await payloads(next)).toEqual(['new'])
      next.hold(1)
      await append(next, 'newer')
      expect(await payloads(next)).toEqual(['new', 'newer'])
      await next.close()
    }
    disk.put(pathOf(3), withFrame(segmentSalt(header)))
    expect(await payloads(await open())).toEqual(['new', 'of an earlier life'])
  })

  it('is passed over and removed where it was to become a segment and did not', async () => {
    const log = await open()
    await fill(log, 2)
    const last = headerOf(pathOf(2))
    const stale = disk.bytesOf(pathOf(1)).subarray(segmentHeaderBytes)
    await append(log, 'new')
    await log.close()
    // The header of the segment that was made after it says nothing of it: it never came into use.
    const unused = { ...last, number: 4, previousNumber: 3, firstKept: 3 }
    const used = { ...headerOf(pathOf(3)), number: 5 }
    const rest = disk.bytesOf(pathOf(3)).subarray(segmentHeaderBytes)
    const withHeader = (header: SegmentHeader, bytes: Buffer): Buffer =>
      Buffer.concat([encodeSegmentHeader(header), bytes])
    for (const path of disk.paths) await disk.remove(path)
    disk.put(pathOf(5), withHeader({ ...used, firstKept: 4, previousNumber: 3 }, Buffer.alloc(0)))
    disk.put(pathOf(4), withHeader(unused, stale))
    const frame = frameOf({
      salt: segmentSalt(unused),
      sequence: unused.baseSequence,
      syncedBytes: 4096,
    })
    const found = disk.crash({ keep: 'all' })
    const next = await open(found)
    expect(found.paths).toEqual([pathOf(5)])
    await next.close()
    disk.put(pathOf(4), withHeader(unused, Buffer.concat([frame, stale, rest])))
    await expect(open()).rejects.toMatchObject({ code: 'ERR_CORRUPT_LOG' })
  })
})
