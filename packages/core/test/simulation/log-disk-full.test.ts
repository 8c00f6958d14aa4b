import { describe, expect, it } from 'vitest'
import { openLog } from '../../src/queue/file/log.ts'
import { SeededRandom } from '../../src/testing/seeded-random.ts'
import { SimulatedFileSystem } from '../../src/testing/simulated-file-system.ts'
import { LogHistory } from './log-history.ts'
import {
  directory,
  inspect,
  logOptions,
  readAll,
  runWriters,
  seed,
  someRecord,
} from './log-workload.ts'

/** What is wrong after a power cut now, whatever it keeps, and with room again. */
async function inspectAfterCrash(
  disk: SimulatedFileSystem,
  history: LogHistory,
): Promise<readonly string[]> {
  const wrong: string[] = []
  for (const keep of ['none', 'random', 'all'] as const) {
    const random = new SeededRandom(seed)
    const found = disk.crash({ keep, random })
    found.capacityBytes = Number.POSITIVE_INFINITY
    wrong.push(...(await inspect(found, { random, history: history.fork() })))
  }
  return wrong
}

describe('a log on a disk that fills up', () => {
  it.each([0, 1024])(
    'refuses what it has no room for, wherever that is, and goes on once there is room (%i zeros ahead)',
    async (zeroAheadBytes) => {
      const wrong: string[] = []
      let capacityBytes = 0
      for (; ; capacityBytes += 173) {
        const random = new SeededRandom(seed + capacityBytes)
        const disk = new SimulatedFileSystem({
          random,
          capacityBytes,
          writeBack: 0.2,
          durableWrites: random.chance(0.5),
        })
        await disk.makeDirectory(directory)
        const history = new LogHistory()
        const log = await openLog(logOptions(disk, { zeroAheadBytes }))
        await runWriters(log, { random, history })
        expect(history.count('unknown')).toBe(0)
        if (history.count('no') === 0 && capacityBytes > 30_000) break
        const found = [...(await inspectAfterCrash(disk, history))]

        disk.capacityBytes = Number.POSITIVE_INFINITY
        const before = history.count('yes')
        await runWriters(log, { random, history, writers: 1, appends: 1 })
        expect(history.count('yes')).toBeGreaterThan(before)
        found.push(...history.violations(await readAll(log)))
        found.push(...(await inspectAfterCrash(disk, history)))
        wrong.push(...found.map((what) => `capacity ${capacityBytes}: ${what}`))
      }
      expect(wrong).toEqual([])
    },
  )

  it('says so with its own code, and that trying again may help', async () => {
    const random = new SeededRandom(seed)
    const disk = new SimulatedFileSystem({ random, capacityBytes: 6000 })
    await disk.makeDirectory(directory)
    const log = await openLog(logOptions(disk))
    const record = { ...someRecord(random, 1), payload: Buffer.alloc(3000) }
    const [outcome] = await log.append([record])
    expect(outcome).toMatchObject({
      durable: 'no',
      error: { code: 'ERR_DISK_FULL', retryable: true },
    })
    expect(outcome?.error?.message).toContain('/log/segments/000000000001.segment')
    await log.close()
  })
})
