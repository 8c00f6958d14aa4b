import { describe, expect, it } from 'vitest'
import { openLog } from '../../src/queue/file/log.ts'
import { SeededRandom } from '../../src/testing/seeded-random.ts'
import {
  changesDisk,
  countCalls,
  faultAt,
  type Machine,
  type Prepare,
  runTwoLives,
} from './log-machine.ts'
import { inspect, logOptions, readAll, seed } from './log-workload.ts'

/**
 * The process of a log is killed; the next one opens the log and hands out what it finds; then the
 * power goes. Answers what is wrong with what is left.
 */
async function killThenPowerCut({ disk, history }: Machine): Promise<readonly string[]> {
  const random = new SeededRandom(seed)
  const next = disk.kill()
  const log = await openLog(logOptions(next))
  const found = await readAll(log)
  const wrong = history.violations(found)
  history.settle(found)
  return [...wrong, ...(await inspect(next.crash({ keep: 'none' }), { random, history }))]
}

/** So many syncs fail in a row, of which a part lands; so many calls later the machine stops. */
function failSyncsThenHalt(first: number, failing: number, callsLater: number): Prepare {
  return (disk) => {
    let syncs = 0
    let left = Number.POSITIVE_INFINITY
    disk.fault = (call) => {
      const isSync = call.kind === 'sync' || call.kind === 'writeDurably'
      if (isSync) syncs += 1
      if (isSync && syncs >= first && syncs < first + failing) {
        if (syncs === first + failing - 1) left = callsLater
        return { fail: 'EIO', lands: (syncs % 3) / 2 }
      }
      if (changesDisk(call)) left -= 1
      return left < 0 ? { halt: true } : undefined
    }
  }
}

describe('a log whose process is killed', () => {
  it('hands nothing out that a power cut could still take away', async () => {
    const wrong: string[] = []
    for (let round = seed; round < seed + 6; round++) {
      const calls = await countCalls(round)
      for (let call = 1; call <= calls; call++) {
        const killed = await runTwoLives(
          round,
          faultAt(call, () => ({ halt: true })),
        )
        const found = await killThenPowerCut(killed)
        wrong.push(...found.map((what) => `seed ${round}, call ${call}: ${what}`))
      }
    }
    expect(wrong).toEqual([])
  })

  it('does not take for written what a failed sync of the life before left in memory', async () => {
    const wrong: string[] = []
    let halted = 0
    for (let round = seed; round < seed + 6; round++) {
      for (let sync = 1; sync <= 10; sync++) {
        for (const failing of [1, 2]) {
          for (let later = 0; later <= 4; later++) {
            const killed = await runTwoLives(round, failSyncsThenHalt(sync, failing, later))
            if (killed.disk.isHalted) halted += 1
            const found = await killThenPowerCut(killed)
            const where = `seed ${round}, syncs ${sync} to ${sync + failing - 1}, ${later} later`
            wrong.push(...found.map((what) => `${where}: ${what}`))
          }
        }
      }
    }
    expect(halted).toBeGreaterThan(100)
    expect(wrong).toEqual([])
  })
})
