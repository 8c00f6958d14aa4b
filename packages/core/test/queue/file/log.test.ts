import { readdir, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { beforeEach, describe, expect, it } from 'vitest'
import { systemClock } from '../../../src/clock.ts'
import { WalError } from '../../../src/errors.ts'
import { type Log, type LogOptions, openLog } from '../../../src/queue/file/log.ts'
import { nodeFileSystem } from '../../../src/queue/file/node-file-system.ts'
import { systemRandom } from '../../../src/random.ts'
import { makeStoredRecord } from '../../../src/testing/make-record.ts'
import { SeededRandom } from '../../../src/testing/seeded-random.ts'
import { SimulatedFileSystem } from '../../../src/testing/simulated-file-system.ts'
import { LogHistory } from '../../simulation/log-history.ts'
import { logOptions, readAll, runWriters } from '../../simulation/log-workload.ts'
import { temporaryDirectory } from './support/temporary-directory.ts'

const seed = Number(process.env['DAYBOOK_SEED'])

let directory: string

beforeEach(async () => {
  directory = await temporaryDirectory()
})

function open(overrides: Partial<LogOptions> = {}): Promise<Log> {
  return openLog({
    directory,
    fileSystem: nodeFileSystem,
    random: systemRandom,
    clock: systemClock,
    epoch: 1,
    namespace: 'test',
    knownSynced: 0,
    reportError: (error) => {
      throw error
    },
    ...overrides,
  })
}

function recordOf(payload: string) {
  return makeStoredRecord({ payload: Buffer.from(payload) })
}

async function payloads(log: Log): Promise<readonly string[]> {
  return (await readAll(log)).map(({ record }) => Buffer.from(record.payload ?? []).toString())
}

describe('a log on the real disk', () => {
  it('keeps what many writers append, in their order, over several lives', async () => {
    const random = new SeededRandom(seed)
    const history = new LogHistory()
    for (let life = 0; life < 4; life++) {
      const log = await open({ segmentBytes: 20_000, maxGroupBytes: 5000, zeroAheadBytes: 4096 })
      expect(history.violations(await readAll(log))).toEqual([])
      await runWriters(log, { random, history, writers: 20, appends: 5 })
      expect(history.count('yes')).toBe(log.lastSequence)
      expect(history.violations(await readAll(log))).toEqual([])
      await log.close()
    }
    expect((await readdir(directory)).length).toBeGreaterThan(2)
  })

  it('takes a record of 64 MiB, and reads it in order and by its address', async () => {
    const log = await open()
    const payload = Buffer.alloc(64 * 1024 * 1024, 'daybook ')
    await log.append([recordOf('before'), makeStoredRecord({ payload }), recordOf('after')])
    const entries = await log.reader(1).read({ maxRecords: 10, maxBytes: Number.MAX_SAFE_INTEGER })
    expect(entries.map(({ sequence }) => sequence)).toEqual([1, 2, 3])
    expect(payload.equals(entries[1]?.record.payload ?? Buffer.alloc(0))).toBe(true)
    const again = await log.readAt(entries[1]?.address ?? 0)
    expect(payload.equals(again.record.payload ?? Buffer.alloc(0))).toBe(true)
    await log.append([recordOf('in the next segment')])
    await log.close()
    expect(await readdir(directory)).toHaveLength(2)
    expect((await open()).lastSequence).toBe(4)
  })

  it('makes files that are private to their owner', async () => {
    const log = await open()
    await log.append([recordOf('a')])
    const { mode } = await stat(join(directory, '000000000001.segment'))
    expect(mode & 0o777).toBe(0o600)
    await log.close()
  })
})

describe('a log', () => {
  it('answers each record of each call', async () => {
    const log = await open()
    const yes = { durable: 'yes' }
    const answers = await Promise.all([
      log.append([recordOf('a')]),
      log.append([]),
      log.append([recordOf('b'), recordOf('c'), recordOf('d')]),
    ])
    expect(answers).toEqual([[yes], [], [yes, yes, yes]])
    expect(await payloads(log)).toEqual(['a', 'b', 'c', 'd'])
    await log.close()
  })

  it('reads within limits, though never less than a record', async () => {
    const log = await open()
    await log.append(Array.from({ length: 10 }, (_, index) => recordOf(`${index}`.repeat(1000))))
    const reader = log.reader(3)
    const read = async (maxRecords: number, maxBytes: number) =>
      (await reader.read({ maxRecords, maxBytes })).map(({ sequence }) => sequence)
    expect(await read(2, 1e6)).toEqual([3, 4])
    expect(await read(10, 1)).toEqual([5])
    expect(await read(10, 1500)).toEqual([6, 7])
    expect(reader.position).toBe(8)
    expect(await read(10, 1e6)).toEqual([8, 9, 10])
    expect(await read(10, 1e6)).toEqual([])
    await log.append([recordOf('one more')])
    expect(await read(10, 1e6)).toEqual([11])
    await log.close()
  })

  it('hands a reader only what is durable, as soon as it is told', async () => {
    const log = await open()
    const reader = log.reader(1)
    const seen: number[] = []
    let told = 0
    const stop = log.onAppended(() => {
      told += 1
    })
    for (let round = 0; round < 20; round++) {
      const answered = log.append([recordOf('x')])
      seen.push(...(await reader.read({ maxRecords: 5, maxBytes: 1e6 })).map((e) => e.sequence))
      expect(seen.length).toBeLessThanOrEqual(log.lastSequence)
      await answered
    }
    seen.push(...(await reader.read({ maxRecords: 50, maxBytes: 1e6 })).map((e) => e.sequence))
    expect(seen).toEqual(Array.from({ length: 20 }, (_, index) => index + 1))
    expect(told).toBe(20)
    stop()
    await log.append([recordOf('unheard')])
    expect(told).toBe(20)
    await log.close()
  })

  it('reads entries by addresses that grow, also after a restart and across segments', async () => {
    const log = await open({ segmentBytes: 5000 })
    for (let index = 0; index < 30; index++) await log.append([recordOf(`record ${index}`)])
    const entries = await readAll(log)
    const addresses = entries.map(({ address }) => address)
    expect(addresses).toEqual([...addresses].sort((a, b) => a - b))
    await log.close()
    const reopened = await open({ segmentBytes: 5000 })
    const shuffled = entries.toSorted((a, b) => (a.sequence % 7) - (b.sequence % 7))
    const found = await Promise.all(shuffled.map(({ address }) => reopened.readAt(address)))
    expect(found).toEqual(shuffled)
    await reopened.close()
  })

  it('refuses addresses at which there is no record', async () => {
    const log = await open()
    await expect(log.readAt(0)).rejects.toThrow()
    await log.append([recordOf('a')])
    for (const address of [-8, 0, 4104, 1e9, Number.NaN]) {
      await expect(log.readAt(address)).rejects.toThrow()
    }
    await log.close()
  })

  it('counts the bytes that nobody was answered for yet', async () => {
    const log = await open()
    expect(log.bufferedBytes).toBe(0)
    const answered = log.append([recordOf('x'.repeat(10_000))])
    expect(log.bufferedBytes).toBeGreaterThan(10_000)
    await answered
    expect(log.bufferedBytes).toBe(0)
    await log.close()
  })

  it('repeats a namespace in records only where it is another one', async () => {
    const log = await open({ namespace: 'test' })
    await log.append([makeStoredRecord({ namespace: 'test' })])
    await log.append([makeStoredRecord({ namespace: 'other' })])
    await log.close()
    const renamed = await open({ namespace: 'other' })
    await renamed.append([makeStoredRecord({ namespace: 'test' })])
    await renamed.close()
    const unnamed = await open({ namespace: undefined })
    await unnamed.append([makeStoredRecord({ namespace: 'test' })])
    const namespaces = (await readAll(unnamed)).map(({ record }) => record.namespace)
    expect(namespaces).toEqual(['test', 'other', 'test', 'test'])
    await unnamed.close()
  })

  it('answers what was on its way when it is closed, and no more', async () => {
    const log = await open()
    const answers = Array.from({ length: 50 }, () => log.append([recordOf('a')]))
    await log.close()
    expect((await Promise.all(answers)).flat()).toEqual(new Array(50).fill({ durable: 'yes' }))
    expect(await log.append([recordOf('b'), recordOf('c')])).toMatchObject([
      { durable: 'no', error: { code: 'ERR_CLOSED' } },
      { durable: 'no', error: { code: 'ERR_CLOSED' } },
    ])
    await log.close()
    expect((await open()).lastSequence).toBe(50)
  })

  it('answers no where it may not make a segment, and goes on once it may', async () => {
    const disk = new SimulatedFileSystem({ random: new SeededRandom(seed) })
    const options = logOptions(disk)
    await disk.makeDirectory(options.directory)
    const log = await openLog(options)
    disk.fault = ({ kind }) => (kind === 'create' ? { fail: 'EACCES' } : undefined)
    const [outcome] = await log.append([recordOf('a')])
    expect(outcome).toMatchObject({ durable: 'no', error: { code: 'ERR_DIRECTORY_DENIED' } })
    expect(outcome?.error?.message).toContain(options.directory)
    disk.fault = () => undefined
    expect(await log.append([recordOf('b')])).toEqual([{ durable: 'yes' }])
    expect(await payloads(log)).toEqual(['b'])
    await log.close()
  })

  it('refuses to read with a reader that is closed', async () => {
    const log = await open()
    const reader = log.reader(1)
    await reader.close()
    await expect(reader.read({ maxRecords: 1, maxBytes: 1 })).rejects.toMatchObject({
      code: 'ERR_CLOSED',
    })
    await log.close()
  })
})

describe('a log on a disk with little room', () => {
  it('uses it for records before it writes zeros ahead, and gives back what zeros took', async () => {
    const random = new SeededRandom(seed)
    const disk = new SimulatedFileSystem({ random, capacityBytes: 40_000 })
    const options = logOptions(disk, { segmentBytes: 1e9, zeroAheadBytes: 1 << 20 })
    await disk.makeDirectory(options.directory)
    const log = await openLog(options)
    const written: string[] = []
    for (let bytes = 100; bytes < 6000; bytes += 500) {
      written.push('x'.repeat(bytes))
      expect(await log.append([recordOf('x'.repeat(bytes))])).toEqual([{ durable: 'yes' }])
    }
    expect(await log.append([recordOf('x'.repeat(6000))])).toMatchObject([
      { durable: 'no', error: { code: 'ERR_DISK_FULL' } },
    ])
    await log.close()
    const next = await openLog({ ...options, fileSystem: disk.crash({ keep: 'none', random }) })
    expect(await payloads(next)).toEqual(written)
    await next.close()
  })
})

describe('a log whose owner has lost the directory', () => {
  it('writes nothing more, and vouches for nothing that it is writing', async () => {
    const disk = new SimulatedFileSystem({ random: new SeededRandom(seed) })
    const options = logOptions(disk, { maxGroupBytes: 1000 })
    await disk.makeDirectory(options.directory)
    const log = await openLog(options)
    await log.append([recordOf('kept')])
    const onItsWay = log.append([recordOf('x'.repeat(2000))])
    const waiting = log.append([recordOf('y')])
    const lost = new WalError('ERR_OWNERSHIP_LOST', 'Somebody else has the directory.')
    await log.abandon(lost)
    expect(await onItsWay).toEqual([{ durable: 'unknown', error: lost }])
    expect(await waiting).toEqual([{ durable: 'no', error: lost }])
    expect(await log.append([recordOf('z')])).toMatchObject([{ durable: 'no' }])
    const calls = disk.calls()
    await log.close()
    expect(disk.calls()).toBe(calls)
    const found = await payloads(await openLog(options))
    expect(found[0]).toBe('kept')
    expect(found).not.toContain('y')
  })

  it('does not begin a segment to void what failed', async () => {
    const disk = new SimulatedFileSystem({ random: new SeededRandom(seed) })
    const options = logOptions(disk)
    await disk.makeDirectory(options.directory)
    const log = await openLog(options)
    await log.append([recordOf('kept')])
    disk.fault = ({ kind }) =>
      kind === 'writeDurably' || kind === 'sync' ? { fail: 'EIO' } : undefined
    const onItsWay = log.append([recordOf('x')])
    const lost = new WalError('ERR_OWNERSHIP_LOST', 'Somebody else has the directory.')
    await log.abandon(lost)
    expect((await onItsWay)[0]?.durable).toBe('unknown')
    expect(disk.paths).toHaveLength(1)
  })
})
