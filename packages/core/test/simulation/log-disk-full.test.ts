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

function inspectWithRoom(
  disk: SimulatedFileSystem,
  history: LogHistory,
): Promise<readonly string[]> {
  disk.capacityBytes = Number.POSITIVE_INFINITY
  return inspect(disk, { random: new SeededRandom(seed), history })
}

describe('a log on a disk that fills up', () => {
  it('refuses what it has no room for, and goes on once there is room, wherever it fills', async () => {
    const wrong: string[] = []
    let capacityBytes = 0
    for (; ; capacityBytes += 331) {
      const random = new SeededRandom(seed)
      const disk = new SimulatedFileSystem({ random, capacityBytes })
      await disk.makeDirectory(directory)
      const history = new LogHistory()
      const log = await openLog(logOptions(disk))
      await runWriters(log, { random, history })
      expect(history.count('unknown')).toBe(0)
      if (history.count('no') === 0) break
      const found: string[] = []
      for (const keep of ['none', 'random', 'all'] as const) {
        found.push(...(await inspectWithRoom(disk.crash({ keep, random }), history.fork())))
      }

      disk.capacityBytes = Number.POSITIVE_INFINITY
      const before = history.count('yes')
      await runWriters(log, { random, history, writers: 1, appends: 1 })
      expect(history.count('yes')).toBeGreaterThan(before)
      found.push(...history.violations(await readAll(log)))
      for (const keep of ['none', 'random', 'all'] as const) {
        found.push(...(await inspectWithRoom(disk.crash({ keep, random }), history.fork())))
      }
      wrong.push(...found.map((what) => `capacity ${capacityBytes}: ${what}`))
    }
    expect(capacityBytes).toBeGreaterThan(4096)
    expect(wrong).toEqual([])
  })

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
