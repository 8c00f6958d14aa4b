import { setImmediate } from 'node:timers/promises'
import { expect, it } from 'vitest'
import { type Log, type LogEntry, openLog } from '../../../src/queue/file/log.ts'
import { SeededRandom } from '../../../src/testing/seeded-random.ts'
import { SimulatedFileSystem } from '../../../src/testing/simulated-file-system.ts'
import { LogHistory } from '../../simulation/log-history.ts'
import { directory, logOptions, runWriters, seed } from '../../simulation/log-workload.ts'

/** Reads along as the log grows, a little at a time, until told that it grows no more. */
async function follow(log: Log, random: SeededRandom, isOver: () => boolean, mostRecords: number) {
  const entries: LogEntry[] = []
  const reader = random.chance(0.7) ? log.follow(1) : log.reader(1)
  for (;;) {
    const wasOver = isOver()
    const maxRecords = random.integer(1, mostRecords)
    const more = await reader.read({ maxRecords, maxBytes: 40_000 })
    entries.push(...more)
    if (more.length === 0 && wasOver) break
    if (more.length === 0 || random.chance(0.5)) await setImmediate()
  }
  await reader.close()
  return entries
}

/** What was found wrong with one log among others that are at work, on a disk that fails at times. */
async function runOne(random: SeededRandom, writers = 4): Promise<readonly string[]> {
  const disk = new SimulatedFileSystem({ random: random.fork() })
  await disk.makeDirectory(directory)
  const history = new LogHistory()
  const sizes = { segmentBytes: writers * 1800, maxGroupBytes: writers * 500 }
  const log = await openLog(logOptions(disk, sizes))
  disk.fault = ({ kind }) => {
    const isHit = ['write', 'writeDurably', 'sync'].includes(kind) && random.chance(0.02)
    return isHit ? { fail: 'EIO', lands: random.next() } : undefined
  }
  let isOver = false
  const followed = [1, 2].map(() => follow(log, random.fork(), () => isOver, writers))
  await runWriters(log, { random, history, writers, appends: 12 })
  isOver = true
  const found = await Promise.all(followed)
  disk.fault = () => undefined
  await log.close()
  return found.flatMap((entries) => history.violations(entries))
}

it('logs that lend each other their buffers write and read nothing but their own', async () => {
  const random = new SeededRandom(seed)
  for (let round = 0; round < 3; round++) {
    const wrong = await Promise.all(Array.from({ length: 12 }, () => runOne(random.fork())))
    expect(wrong.flat()).toEqual([])
  }
})

it('logs whose groups are so large that followers share their buffers, too', async () => {
  const random = new SeededRandom(seed)
  const wrong = await Promise.all(Array.from({ length: 4 }, () => runOne(random.fork(), 150)))
  expect(wrong.flat()).toEqual([])
})
