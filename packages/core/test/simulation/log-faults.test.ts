import { describe, expect, it } from 'vitest'
import { SeededRandom } from '../../src/testing/seeded-random.ts'
import type { DiskFault } from '../../src/testing/simulated-file-system.ts'
import { changesDisk, countCalls, faultAt, type Machine, runTwoLives } from './log-machine.ts'
import { inspect, seed } from './log-workload.ts'

const faults: readonly DiskFault[] = [
  { fail: 'EIO' },
  { fail: 'EIO', lands: 0.5 },
  { fail: 'EIO', lands: 1 },
  { fail: 'ENOSPC' },
  { fail: 'ENOSPC', lands: 0.7 },
]

/** Four writers, each with at most three records at a time. */
const mostInOneGroup = 12

/** What is wrong with a log in the next life, which begins in three ways. */
async function inspectNextLife({ disk, history }: Machine): Promise<readonly string[]> {
  const wrong: string[] = []
  disk.fault = () => undefined
  for (const keep of ['none', 'random'] as const) {
    const random = new SeededRandom(seed)
    const workload = { random, history: history.fork() }
    wrong.push(...(await inspect(disk.crash({ keep, random }), workload)))
  }
  const random = new SeededRandom(seed)
  wrong.push(...(await inspect(disk.kill(), { random, history: history.fork() })))
  return wrong
}

describe('a log on a disk that fails', () => {
  it('keeps its word, goes on, and knows what became of each record, whichever call fails', async () => {
    const wrong: string[] = []
    let refused = 0
    for (let round = seed; round < seed + 2; round++) {
      const calls = await countCalls(round)
      for (let call = 1; call <= calls; call++) {
        for (const [index, fault] of faults.entries()) {
          const machine = await runTwoLives(
            round,
            faultAt(call, () => fault),
          )
          const found = [...(await inspectNextLife(machine))]
          refused += machine.history.count('no')
          if (machine.history.count('unknown') > 0) found.push('somebody was told unknown')
          if (machine.history.count('no') > mostInOneGroup) found.push('the log did not go on')
          wrong.push(...found.map((what) => `seed ${round}, call ${call}, fault ${index}: ${what}`))
        }
      }
    }
    expect(refused).toBeGreaterThan(100)
    expect(wrong).toEqual([])
  })

  it('keeps its word whichever two calls fail, one soon after the other', async () => {
    const wrong: string[] = []
    let unknown = 0
    const random = new SeededRandom(seed)
    const calls = await countCalls(seed)
    for (let call = 1; call <= calls; call++) {
      for (let later = 1; later <= 5; later++) {
        const [first, second] = [random.pick(faults), random.pick(faults)]
        const machine = await runTwoLives(seed, (disk) => {
          let seen = 0
          disk.fault = (at) => {
            if (changesDisk(at)) seen += 1
            if (!changesDisk(at) || (seen !== call && seen !== call + later)) return undefined
            return seen === call ? first : second
          }
        })
        const found = await inspectNextLife(machine)
        unknown += machine.history.count('unknown')
        wrong.push(...found.map((what) => `call ${call} and ${later} later: ${what}`))
      }
    }
    expect(unknown).toBeGreaterThan(0)
    expect(wrong).toEqual([])
  })

  it('keeps its word when the disk fails for a while, from any call on', async () => {
    const wrong: string[] = []
    const calls = await countCalls(seed)
    for (let call = 1; call <= calls; call++) {
      for (const fault of faults) {
        const machine = await runTwoLives(seed, (disk) => {
          let seen = 0
          disk.fault = (at) => {
            if (changesDisk(at)) seen += 1
            return changesDisk(at) && seen >= call && seen < call + 12 ? fault : undefined
          }
        })
        const found = await inspectNextLife(machine)
        wrong.push(...found.map((what) => `from call ${call} on: ${what}`))
      }
    }
    expect(wrong).toEqual([])
  })
})
