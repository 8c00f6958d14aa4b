import { describe, expect, it } from 'vitest'
import { isWalError } from '../../src/errors.ts'
import { openLog } from '../../src/queue/file/log.ts'
import { segmentHeaderBytes } from '../../src/queue/file/segment-header.ts'
import { SeededRandom } from '../../src/testing/seeded-random.ts'
import { SimulatedFileSystem } from '../../src/testing/simulated-file-system.ts'
import { LogHistory } from './log-history.ts'
import { directory, inspect, logOptions, readAll, seed, someRecord } from './log-workload.ts'

const path = `${directory}/000000000001.segment`

interface Frame {
  readonly start: number
  /** Behind the body: what follows up to the next frame is padding. */
  readonly end: number
}

interface WrittenLog {
  readonly bytes: Buffer
  readonly frames: readonly Frame[]
  readonly history: LogHistory
}

/** A log of three groups with two records each, closed cleanly or left as a killed process does. */
async function writeThreeGroups(ending: 'closed' | 'killed'): Promise<WrittenLog> {
  const random = new SeededRandom(seed)
  const disk = new SimulatedFileSystem({ random })
  await disk.makeDirectory(directory)
  const log = await openLog(logOptions(disk, { segmentBytes: 64 * 1024 }))
  const history = new LogHistory()
  for (let group = 0; group < 3; group++) {
    const records = [1, 2].map(() => {
      const payload = Buffer.from(random.fill(new Uint8Array(random.integer(0, 40))))
      return { ...someRecord(random, history.nextNumber()), payload }
    })
    history.begin(1, records)
    await log.append(records)
    for (const record of records) history.answer(record, 'yes')
  }
  const entries = await readAll(log)
  if (ending === 'closed') await log.close()
  const bytes = disk.bytesOf(path)
  const frames = entries.map(({ address }) => {
    return { start: address, end: address + 24 + bytes.readUInt32LE(address + 4) }
  })
  return { bytes, frames, history }
}

function diskWith(bytes: Buffer): SimulatedFileSystem {
  const disk = new SimulatedFileSystem({ random: new SeededRandom(seed) })
  disk.put(path, bytes)
  return disk
}

function flip(bytes: Buffer, at: number): Buffer {
  const damaged = Buffer.from(bytes)
  damaged[at] = (damaged[at] ?? 0) ^ (1 << (at % 8))
  return damaged
}

/** What comes of opening a log: how many records it has, or the code with which it is refused. */
async function opening(bytes: Buffer, knownSynced = 0): Promise<number | string> {
  const disk = diskWith(bytes)
  try {
    const log = await openLog(logOptions(disk, { knownSynced }))
    return (await readAll(log)).length
  } catch (error) {
    if (!disk.bytesOf(path).equals(bytes)) return 'bytes were changed'
    return isWalError(error) ? error.code : String(error)
  }
}

/** What is wrong with a log of which so many records should be left, also in the lives to come. */
async function inspectLeft(
  bytes: Buffer,
  records: number,
  history: LogHistory,
): Promise<readonly string[]> {
  const disk = diskWith(bytes)
  const log = await openLog(logOptions(disk.crash({ keep: 'all' })))
  const found = await readAll(log)
  const kept = history.fork()
  kept.settle(found)
  const wrong = await inspect(disk, { random: new SeededRandom(seed), history: kept })
  return found.length === records ? wrong : [...wrong, `${found.length} of ${records} are left`]
}

describe('a log that was cut off or damaged', () => {
  it('ends with the last whole record, wherever its last group is cut and whatever follows', async () => {
    const { bytes, frames, history } = await writeThreeGroups('killed')
    const tails = [Buffer.alloc(0), Buffer.alloc(600), Buffer.alloc(600, 0xa5)]
    const wrong: string[] = []
    for (let cut = frames[4]?.start ?? 0; cut < (frames[5]?.end ?? 0); cut++) {
      const whole = frames.filter(({ end }) => end <= cut).length
      for (const tail of tails) {
        const found = await inspectLeft(
          Buffer.concat([bytes.subarray(0, cut), tail]),
          whole,
          history,
        )
        wrong.push(...found.map((what) => `cut at ${cut}: ${what}`))
      }
    }
    expect(wrong).toEqual([])
  })

  it('ends before a record of its last group of which any byte is wrong', async () => {
    const { bytes, frames, history } = await writeThreeGroups('killed')
    const wrong: string[] = []
    for (const [index, { start, end }] of frames.entries()) {
      for (let at = start; index >= 4 && at < end; at++) {
        const found = await inspectLeft(flip(bytes, at), index, history)
        wrong.push(...found.map((what) => `byte ${at}: ${what}`))
      }
    }
    expect(wrong).toEqual([])
  })

  it('is refused, and left as it is, when any byte below its last group is wrong', async () => {
    const { bytes, frames } = await writeThreeGroups('killed')
    for (const { start, end } of frames.slice(0, 4)) {
      for (let at = start; at < end; at++) {
        expect([at, await opening(flip(bytes, at))]).toEqual([at, 'ERR_CORRUPT_LOG'])
      }
    }
  })

  it('is refused when any byte of its last group is wrong though it was closed cleanly', async () => {
    const { bytes, frames } = await writeThreeGroups('closed')
    for (const { start, end } of frames) {
      for (let at = start; at < end; at++) {
        expect([at, await opening(flip(bytes, at))]).toEqual([at, 'ERR_CORRUPT_LOG'])
      }
    }
  })

  it('is refused when a cursor has seen a record that is cut off or wrong', async () => {
    const { bytes, frames } = await writeThreeGroups('closed')
    const end = frames[5]?.end ?? 0
    for (let at = frames[4]?.start ?? 0; at < end; at++) {
      const cut = bytes.subarray(0, at)
      expect([at, await opening(cut, 6)]).toEqual([at, 'ERR_CORRUPT_LOG'])
      expect([at, await opening(cut, 4)]).toEqual([at, at < (frames[4]?.end ?? 0) ? 4 : 5])
    }
    expect(await opening(bytes.subarray(0, end), 6)).toBe(6)
  })

  it('does without its marker, of which any byte may be wrong', async () => {
    const { bytes, frames, history } = await writeThreeGroups('closed')
    const wrong: string[] = []
    for (let at = frames[5]?.end ?? 0; at < (frames[5]?.end ?? 0) + 40; at++) {
      const found = await inspectLeft(flip(bytes, at), 6, history)
      wrong.push(...found.map((what) => `byte ${at}: ${what}`))
    }
    expect(wrong).toEqual([])
  })

  it('is refused, and left as it is, when any byte of its header is wrong', async () => {
    const { bytes } = await writeThreeGroups('killed')
    const codes = new Map<number | string, number>()
    for (let at = 0; at < segmentHeaderBytes; at++) {
      const code = await opening(flip(bytes, at))
      codes.set(code, (codes.get(code) ?? 0) + 1)
    }
    // A wrong byte of the magic makes it a foreign file.
    expect([...codes.keys()].sort()).toEqual(['ERR_CORRUPT_LOG', 'ERR_NOT_A_LOG'])
    expect(codes.get('ERR_NOT_A_LOG')).toBe(8)
  })
})
