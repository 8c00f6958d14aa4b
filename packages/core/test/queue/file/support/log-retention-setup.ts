import { beforeEach, expect } from 'vitest'
import type { WalError } from '../../../../src/errors.ts'
import { type Log, type LogOptions, openLog } from '../../../../src/queue/file/log.ts'
import type { RetentionHold } from '../../../../src/queue/queue.ts'
import { makeStoredRecord } from '../../../../src/testing/make-record.ts'
import { SeededRandom } from '../../../../src/testing/seeded-random.ts'
import { SimulatedFileSystem } from '../../../../src/testing/simulated-file-system.ts'
import { VirtualClock } from '../../../../src/testing/virtual-clock.ts'
import { directory, logOptions, readAll } from '../../../simulation/log-workload.ts'
import { KnownProgress } from './known-progress.ts'

// What the tests of a log with a retention begin with. All of it is made anew for each test.

const seed = Number(process.env['DAYBOOK_SEED'])
export const second = 1000
export const hour = 3600 * second
export const day = 24 * hour

export let disk: SimulatedFileSystem
export let clock: VirtualClock
export let search: KnownProgress
export let cache: KnownProgress
export let held: RetentionHold[]
export let errors: WalError[]

beforeEach(async () => {
  disk = new SimulatedFileSystem({ random: new SeededRandom(seed) })
  await disk.makeDirectory(directory)
  clock = new VirtualClock()
  search = new KnownProgress('search')
  cache = new KnownProgress('cache')
  cache.lastingThrough = Number.POSITIVE_INFINITY
  held = []
  errors = []
})

export const unlimited = Number.POSITIVE_INFINITY

/** A log with a segment for each record, but for the last one that is there when it is opened. */
export async function open(
  { timeMs = unlimited, bytes = unlimited } = {},
  overrides: Partial<LogOptions> = {},
): Promise<Log> {
  const log = await openLog(
    logOptions(disk, {
      clock,
      segmentBytes: 5000,
      zeroAheadBytes: 0,
      retention: { timeMs, bytes, targets: [search, cache], onHeld: (hold) => held.push(hold) },
      reportError: (error) => errors.push(error),
      ...overrides,
    }),
  )
  log.startRetention()
  await clock.settle()
  return log
}

/** Appends so many records, one after the other, each in a segment of its own. */
export async function append(log: Log, records = 1): Promise<void> {
  for (let record = 0; record < records; record++) {
    const written = makeStoredRecord({ writtenAt: clock.now(), payload: Buffer.alloc(1000) })
    expect(await log.append([written])).toEqual([{ durable: 'yes' }])
  }
  await clock.settle()
}

/** Numbers of the segments there are files of. */
export function files(): readonly number[] {
  const numbers = disk.paths.map((path) => Number.parseInt(path.slice(directory.length + 1), 10))
  return numbers.toSorted((a, b) => a - b)
}

/** The same, without those that are kept to be used again. */
export function keptFiles(log: Log): readonly number[] {
  return files().slice(-log.kept().segments)
}

export async function sequences(log: Log): Promise<readonly number[]> {
  return (await readAll(log)).map(({ sequence }) => sequence)
}
