import { beforeEach, describe, expect, it } from 'vitest'
import { WalError } from '../../../src/errors.ts'
import { type Log, openLog } from '../../../src/queue/file/log.ts'
import { makeStoredRecord } from '../../../src/testing/make-record.ts'
import { SeededRandom } from '../../../src/testing/seeded-random.ts'
import { SimulatedFileSystem } from '../../../src/testing/simulated-file-system.ts'
import { logOptions } from '../../simulation/log-workload.ts'

const seed = Number(process.env['DAYBOOK_SEED'])
const yes = [{ durable: 'yes' }]

let disk: SimulatedFileSystem
let log: Log
let groups: number

beforeEach(async () => {
  disk = new SimulatedFileSystem({ random: new SeededRandom(seed) })
  const options = logOptions(disk, { segmentBytes: 1e9, maxGroupBytes: 1e6 })
  await disk.makeDirectory(options.directory)
  log = await openLog(options)
  groups = 0
  log.onAppended(() => {
    groups += 1
  })
})

function append(payloadBytes = 10) {
  return log.append([makeStoredRecord({ payload: Buffer.alloc(payloadBytes) })])
}

function everyoneHasRun(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve))
}

describe('group commit', () => {
  it('writes what comes in while a group is on its way as one group', async () => {
    const first = append()
    const others = Array.from({ length: 50 }, () => append())
    expect(await first).toEqual(yes)
    expect(log.lastSequence).toBe(1)
    await Promise.all(others)
    await everyoneHasRun()
    expect(groups).toBe(2)
  })

  it('has the disk at work on the next group before the callers of the one before run', async () => {
    expect(await append()).toEqual(yes)
    const asked: string[] = []
    disk.fault = ({ kind }) => {
      asked.push(kind)
      return undefined
    }
    const first = append()
    // Full, so that it waits for nobody.
    const second = append(1e6)
    const third = append()
    expect(asked).toEqual(['writeDurably'])
    expect(await first).toEqual(yes)
    expect(asked).toEqual(['writeDurably', 'writeDurably'])
    expect(await Promise.all([second, third])).toEqual([yes, yes])
  })

  it('keeps callers together that come back together', async () => {
    const caller = async (): Promise<void> => {
      for (let round = 0; round < 20; round++) await append()
    }
    await Promise.all(Array.from({ length: 30 }, caller))
    expect(log.lastSequence).toBe(600)
    expect(groups).toBeLessThan(25)
  })

  it('does not wait for callers that do not come back', async () => {
    await Promise.all(Array.from({ length: 30 }, () => append()))
    await everyoneHasRun()
    const before = groups
    expect(await append()).toEqual(yes)
    await everyoneHasRun()
    expect(groups).toBe(before + 1)
  })

  it('begins another group when one is full', async () => {
    const answers = Array.from({ length: 10 }, () => append(400_000))
    await Promise.all(answers)
    await everyoneHasRun()
    expect(groups).toBe(4)
    expect(log.lastSequence).toBe(10)
  })

  it('answers unknown where something below it breaks, and goes on', async () => {
    let broken = true
    const options = logOptions(disk, {
      directory: '/other',
      reportError: () => {
        throw new Error('a defect')
      },
    })
    await disk.makeDirectory(options.directory)
    log = await openLog(options)
    disk.fault = ({ kind, path }) =>
      broken && kind !== 'create' && path.endsWith('.segment') && log.lastSequence > 0
        ? { fail: 'EIO' }
        : undefined
    expect(await append()).toEqual(yes)
    expect(await append()).toMatchObject([
      {
        durable: 'unknown',
        error: { code: 'ERR_IO', message: expect.stringContaining('a defect') },
      },
    ])
    broken = false
    expect(await append()).toEqual(yes)
    await log.close()
    expect((await openLog(options)).lastSequence).toBe(2)
  })

  it('asks before each group and after it whether the directory is lost', async () => {
    const lost = new WalError('ERR_OWNERSHIP_LOST', 'Somebody else has the directory.')
    for (const [looks, durable] of [
      [1, 'no'],
      [2, 'unknown'],
    ] as const) {
      let looked = 0
      const options = logOptions(disk, {
        directory: `/lost-${looks}`,
        ownershipLoss: () => (++looked >= looks ? lost : undefined),
      })
      await disk.makeDirectory(options.directory)
      log = await openLog(options)
      expect(await append()).toEqual([{ durable, error: lost }])
      expect(disk.paths.filter((path) => path.startsWith(options.directory))).toHaveLength(
        looks - 1,
      )
    }
  })

  it('does not say no of a group that failed in a directory that is lost by then', async () => {
    const lost = new WalError('ERR_OWNERSHIP_LOST', 'Somebody else has the directory.')
    let isLost = false
    const options = logOptions(disk, {
      directory: '/lost-late',
      ownershipLoss: () => (isLost ? lost : undefined),
      reportError() {},
    })
    await disk.makeDirectory(options.directory)
    log = await openLog(options)
    expect(await append()).toEqual(yes)
    disk.fault = ({ kind }) => {
      if (kind === 'create') return undefined
      disk.fault = () => undefined
      isLost = true
      return { fail: 'EIO', lands: 1 }
    }
    // The next owner may have found it, before this one made it void.
    expect(await append()).toEqual([{ durable: 'unknown', error: lost }])
  })

  it('takes nothing of a call in which a record cannot be encoded', async () => {
    const large = makeStoredRecord({ payload: Buffer.alloc(300_000, 1) })
    const first = append()
    const broken = makeStoredRecord({ headers: { a: { length: 1 } as never } })
    expect(() => log.append([large, broken])).toThrow(TypeError)
    expect(await Promise.all([first, append(200)])).toEqual([yes, yes])
    const entries = await log.reader(1).read({ maxRecords: 9, maxBytes: 1e9 })
    expect(entries.map(({ record }) => record.payload?.byteLength)).toEqual([10, 200])
  })

  it('refuses a call that is too large for any write, and only that one', async () => {
    const record = makeStoredRecord({ payload: Buffer.alloc(400 * 1024 * 1024) })
    const answers = await Promise.all([append(), log.append([record, record, record]), append()])
    expect(answers[0]).toEqual(yes)
    expect(answers[1]).toMatchObject(
      new Array(3).fill({ durable: 'no', error: { code: 'ERR_PAYLOAD_TOO_LARGE' } }),
    )
    expect(answers[2]).toEqual(yes)
    expect(log.lastSequence).toBe(2)
  })
})
