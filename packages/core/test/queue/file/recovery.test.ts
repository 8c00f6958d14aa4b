import { crc32 } from 'node:zlib'
import { beforeEach, describe, expect, it } from 'vitest'
import { type Log, openLog } from '../../../src/queue/file/log.ts'
import { encodeSegmentHeader, readSegmentHeader } from '../../../src/queue/file/segment-header.ts'
import { makeStoredRecord } from '../../../src/testing/make-record.ts'
import { SeededRandom } from '../../../src/testing/seeded-random.ts'
import { SimulatedFileSystem } from '../../../src/testing/simulated-file-system.ts'
import { directory, logOptions, readAll } from '../../simulation/log-workload.ts'

const seed = Number(process.env['DAYBOOK_SEED'])

let disk: SimulatedFileSystem

beforeEach(async () => {
  disk = new SimulatedFileSystem({ random: new SeededRandom(seed) })
  await disk.makeDirectory(directory)
})

function pathOf(number: number): string {
  return `${directory}/${String(number).padStart(12, '0')}.segment`
}

function open(knownSynced = 0): Promise<Log> {
  return openLog(logOptions(disk, { knownSynced }))
}

async function append(log: Log, payloads: readonly string[]): Promise<void> {
  for (const payload of payloads) {
    const [outcome] = await log.append([makeStoredRecord({ payload: Buffer.from(payload) })])
    expect(outcome?.durable).toBe('yes')
  }
}

async function payloads(log: Log): Promise<readonly string[]> {
  return (await readAll(log)).map(({ record }) => Buffer.from(record.payload ?? []).toString())
}

/** Three segments of one long record each; the last one is not full. */
const long = ['a', 'b', 'c'].map((letter) => letter.repeat(3500))

async function writeThreeSegments(): Promise<void> {
  const log = await open()
  await append(log, long)
  await log.close()
  expect(disk.paths).toEqual([1, 2, 3].map(pathOf))
}

/** Everything there is, to see that nothing has changed. */
function snapshot(): ReadonlyMap<string, string> {
  return new Map(disk.paths.map((path) => [path, disk.bytesOf(path).toString('hex')]))
}

async function expectRefusal(code: string, facts: readonly string[]): Promise<void> {
  const before = snapshot()
  const refused = await open().catch((error: unknown) => error)
  expect(refused).toMatchObject({ code })
  for (const fact of facts) expect(String(refused)).toContain(fact)
  expect(snapshot()).toEqual(before)
}

describe('recovery', () => {
  it('takes an empty directory for an empty log and leaves it empty', async () => {
    const log = await open()
    expect([log.firstSequence, log.lastSequence, log.highestVersion]).toEqual([1, 0, 0n])
    expect(await readAll(log)).toEqual([])
    await log.close()
    expect(disk.paths).toEqual([])
  })

  it('refuses an empty directory if a cursor has seen records', async () => {
    await expect(open(5)).rejects.toMatchObject({ code: 'ERR_CORRUPT_LOG' })
  })

  it('says that a directory which is missing could not be opened', async () => {
    const missing = openLog(logOptions(disk, { directory: '/elsewhere' }))
    await expect(missing).rejects.toMatchObject({ code: 'ERR_IO' })
    await expect(missing).rejects.toThrow('/elsewhere')
  })

  it('goes on in the last segment if that was closed cleanly, and else in a new one', async () => {
    const first = await open()
    await append(first, ['one'])
    await first.close()
    const second = await open()
    await append(second, ['two'])
    expect(disk.paths).toEqual([pathOf(1)])
    disk = disk.kill()
    const third = await open()
    await append(third, ['three'])
    expect(disk.paths).toEqual([pathOf(1), pathOf(2)])
    expect(await payloads(third)).toEqual(['one', 'two', 'three'])
  })

  it('makes no segment for a life in which nothing is written', async () => {
    const log = await open()
    await append(log, ['one'])
    for (let life = 0; life < 3; life++) {
      disk = disk.kill()
      expect((await open()).lastSequence).toBe(1)
    }
    expect(disk.paths).toEqual([pathOf(1)])
  })

  it('does not take what a new segment voided for records, though they are whole', async () => {
    const log = await open()
    await append(log, ['one'])
    disk.fault = ({ kind, path }) =>
      path === pathOf(1) && (kind === 'writeDurably' || kind === 'sync')
        ? { fail: 'EIO', lands: 1 }
        : undefined
    const [answer] = await log.append([makeStoredRecord({ payload: Buffer.from('void') })])
    expect(answer?.durable).toBe('no')
    await append(log, ['two'])
    await log.close()
    expect(disk.bytesOf(pathOf(1)).includes('void')).toBe(true)
    expect(await payloads(await open())).toEqual(['one', 'two'])
  })

  it('starts from the highest version there ever was', async () => {
    const log = await open()
    for (const version of [70n, 2n ** 62n, 90n]) {
      await log.append([makeStoredRecord({ version, payload: Buffer.alloc(3500) })])
    }
    expect(log.highestVersion).toBe(2n ** 62n)
    await log.close()
    expect((await open()).highestVersion).toBe(2n ** 62n)
  })

  it('removes a segment that was begun and never came into use, and does not use its number', async () => {
    await writeThreeSegments()
    const header = readSegmentHeader(disk.bytesOf(pathOf(3)))
    if (header.state !== 'whole') throw new Error('the header is whole')
    const unfinished = encodeSegmentHeader({ ...header.header, number: 4 }).subarray(0, 700)
    for (const bytes of [Buffer.alloc(0), Buffer.alloc(4096), unfinished]) {
      disk.put(pathOf(4), bytes)
      const log = await open()
      expect(disk.paths).not.toContain(pathOf(4))
      expect(await payloads(log)).toEqual(long)
      await log.close()
    }
    disk.put(pathOf(4), unfinished)
    const log = await open()
    await append(log, ['d'.repeat(4000), 'e'])
    expect(disk.paths).toContain(pathOf(5))
    expect(disk.paths).not.toContain(pathOf(4))
    expect((await payloads(log)).at(-1)).toBe('e')
  })

  it('opens though what never came into use cannot be removed', async () => {
    await writeThreeSegments()
    disk.put(pathOf(4), Buffer.alloc(100))
    disk.fault = ({ kind }) => (kind === 'remove' ? { fail: 'EACCES' } : undefined)
    expect(await payloads(await open())).toEqual(long)
  })

  it('leaves files with other names alone', async () => {
    await writeThreeSegments()
    disk.put(`${directory}/.DS_Store`, Buffer.from('x'))
    disk.put(`${directory}/000000000002.segment.bak`, Buffer.from('x'))
    await open()
    expect(disk.paths).toHaveLength(5)
  })

  it.each([1, 2])('refuses a log of which segment %i is missing', async (number) => {
    await writeThreeSegments()
    await disk.remove(pathOf(number))
    await expectRefusal('ERR_CORRUPT_LOG', [`segment ${number}`, 'is missing', pathOf(3)])
  })

  it('refuses a log with a segment that is cut short', async () => {
    await writeThreeSegments()
    const bytes = disk.bytesOf(pathOf(2))
    disk.put(pathOf(2), bytes.subarray(0, 5000))
    await expectRefusal('ERR_CORRUPT_LOG', [pathOf(2), 'offset 5000', pathOf(3)])
  })

  it('refuses a log with a segment whose header is damaged', async () => {
    await writeThreeSegments()
    const bytes = disk.bytesOf(pathOf(2))
    disk.put(pathOf(2), Buffer.concat([Buffer.alloc(4096), bytes.subarray(4096)]))
    await expectRefusal('ERR_CORRUPT_LOG', [pathOf(2), 'header'])
  })

  it('refuses a log with two segments in each other’s place', async () => {
    await writeThreeSegments()
    const [first, second] = [disk.bytesOf(pathOf(1)), disk.bytesOf(pathOf(2))]
    disk.put(pathOf(1), second)
    disk.put(pathOf(2), first)
    await expectRefusal('ERR_CORRUPT_LOG', [pathOf(2), 'segment 1'])
  })

  it('refuses a log with a segment of another log in it', async () => {
    await writeThreeSegments()
    const header = readSegmentHeader(disk.bytesOf(pathOf(2)))
    if (header.state !== 'whole') throw new Error('the header is whole')
    const other = encodeSegmentHeader({ ...header.header, salt: 1234 })
    disk.put(pathOf(2), Buffer.concat([other, disk.bytesOf(pathOf(2)).subarray(4096)]))
    await expectRefusal('ERR_CORRUPT_LOG', [pathOf(2), 'not the one that belongs there'])
  })

  it('refuses a segment of a later format version, and a file that is none of ours', async () => {
    await writeThreeSegments()
    const bytes = disk.bytesOf(pathOf(3))
    const future = Buffer.from(bytes)
    future.writeUInt32LE(2, 8)
    disk.put(pathOf(3), future)
    await expectRefusal('ERR_CORRUPT_LOG', [pathOf(3)])
    future.writeUInt32LE(crc32(future.subarray(0, 4092)), 4092)
    disk.put(pathOf(3), future)
    await expectRefusal('ERR_FUTURE_FORMAT', [pathOf(3), 'version 2'])
    disk.put(pathOf(3), bytes)
    disk.put(pathOf(4), Buffer.from('something else altogether'))
    await expectRefusal('ERR_NOT_A_LOG', [pathOf(4)])
  })

  it('finds damage in an older segment when that is read, and hands out what comes before', async () => {
    await writeThreeSegments()
    const bytes = disk.bytesOf(pathOf(2))
    bytes[5000] = (bytes[5000] ?? 0) ^ 1
    disk.put(pathOf(2), bytes)
    const log = await open()
    expect(log.lastSequence).toBe(3)
    const reader = log.reader(1)
    const limits = { maxRecords: 10, maxBytes: 1e6 }
    expect((await reader.read(limits)).map(({ sequence }) => sequence)).toEqual([1])
    for (let again = 0; again < 2; again++) {
      await expect(reader.read(limits)).rejects.toMatchObject({
        code: 'ERR_CORRUPT_LOG',
        message: expect.stringContaining(`${pathOf(2)}, offset 4096, record 2 of the log`),
      })
    }
    expect(reader.position).toBe(2)
    expect((await log.reader(3).read(limits)).map(({ sequence }) => sequence)).toEqual([3])
  })

  it.each([
    ['EACCES', 'ERR_DIRECTORY_DENIED'],
    ['EPERM', 'ERR_DIRECTORY_DENIED'],
    ['EIO', 'ERR_IO'],
    ['EMFILE', 'ERR_IO'],
  ])('answers %s of the disk with %s', async (fail, code) => {
    await writeThreeSegments()
    for (const kind of ['list', 'open', 'read'] as const) {
      disk.fault = (call) => (call.kind === kind ? { fail } : undefined)
      const refused = await open().catch((error: unknown) => error)
      expect(refused).toMatchObject({ code, cause: { code: fail } })
      expect(String(refused)).toContain(directory)
    }
  })
})
