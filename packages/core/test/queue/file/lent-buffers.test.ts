import { setImmediate } from 'node:timers/promises'
import { expect, it } from 'vitest'
import { type Log, type LogEntry, openLog } from '../../../src/queue/file/log.ts'
import { SeededRandom } from '../../../src/testing/seeded-random.ts'
import { SimulatedFileSystem } from '../../../src/testing/simulated-file-system.ts'
import { LogHistory } from '../../simulation/log-history.ts'
import { directory, logOptions, runWriters, seed } from '../../simulation/log-workload.ts'

/** Reads along as the log grows, a little at a time, until told that it grows no more. */
async function follow(log: Log, random: SeededRandom, isOver: () => boolean) {
  const entries: LogEntry[] = []
  const reader = log.reader(1)
  for (;;) {
    const wasOver = isOver()
    const maxRecords = random.integer(1, 3)
    const more = await reader.read({ maxRecords, maxBytes: 4000 })
    entries.push(...more)
    if (more.length === 0 && wasOver) break
    if (more.length === 0 || random.chance(0.5)) await setImmediate()
  }
  await reader.close()
  return entries
}

/** What was found wrong with one log among others that are at work, on a disk that fails at times. */
async function runOne(random: SeededRandom): Promise<readonly string[]> {
  const disk = new SimulatedFileSystem({ random: random.fork() })
  await disk.makeDirectory(directory)
  const history = new LogHistory()
  const log = await openLog(logOptions(disk))
  disk.fault = ({ kind }) => {
    const isHit = ['write', 'writeDurably', 'sync'].includes(kind) && random.chance(0.02)
    return isHit ? { fail: 'EIO', lands: random.next() } : undefined
  }
  let isOver = false
  const followed = [1, 2].map(() => follow(log, random.fork(), () => isOver))
  await runWriters(log, { random, history, writers: 4, appends: 12 })
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
