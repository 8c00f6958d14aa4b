import { describe, expect, it } from 'vitest'
import { SeededRandom } from '../../src/testing/seeded-random.ts'
import type { Keep } from '../../src/testing/simulated-file.ts'
import type { DiskFault } from '../../src/testing/simulated-file-system.ts'
import { changesDisk, faultAt } from './log-machine.ts'
import { seed } from './log-workload.ts'
import { inspectKept, type RetentionRun, runTwoKeptLives } from './retention-world.ts'

const halt = () => ({ halt: true }) as const
const keeps: readonly Keep[] = ['none', 'all', 'random', 'random', 'random']
const fewKeeps: readonly Keep[] = ['none', 'random']
const faults: readonly DiskFault[] = [
  { fail: 'EIO' },
  { fail: 'EIO', lands: 0.5 },
  { fail: 'EIO', lands: 1 },
  { fail: 'ENOSPC' },
]

/** How many calls that change the disk an undisturbed run makes, and which they are. */
async function countCalls(round: number): Promise<{ calls: number; kinds: readonly string[] }> {
  const kinds: string[] = []
  await runTwoKeptLives(round, (disk) => {
    disk.fault = (call) => {
      if (changesDisk(call)) kinds.push(call.kind)
      return undefined
    }
  })
  return { calls: kinds.length, kinds }
}

/** What is wrong after a power cut, in the ways in which one may leave the disk. */
async function cutPower(
  { disk, world }: RetentionRun,
  round: number,
  keeps: readonly Keep[],
): Promise<readonly string[]> {
  const wrong: string[] = []
  for (const [index, keep] of keeps.entries()) {
    const random = new SeededRandom(round + index)
    const found = await inspectKept(disk.crash({ keep, random }), world.fork())
    wrong.push(...found.map((what) => `${keep}: ${what}`))
  }
  return wrong
}

describe('a log that lets go of its oldest records', () => {
  it('keeps its word whichever call to the disk is the last', async () => {
    const wrong: string[] = []
    let removed = 0
    let usedAgain = 0
    // Some histories let go of next to nothing: then three are too few to show anything.
    const shown = () => removed > 5 && usedAgain > 5
    for (let round = seed; round < seed + 3 || (!shown() && round < seed + 12); round++) {
      const { calls, kinds } = await countCalls(round)
      removed += kinds.filter((kind) => kind === 'remove').length
      usedAgain += kinds.filter((kind) => kind === 'rename').length
      for (let call = 1; call <= calls; call++) {
        const run = await runTwoKeptLives(round, faultAt(call, halt))
        const found = await cutPower(run, round, keeps)
        wrong.push(...found.map((what) => `seed ${round}, call ${call}, ${what}`))
      }
    }
    expect(shown(), `${removed} removed, ${usedAgain} used again`).toBe(true)
    expect(wrong).toEqual([])
  })

  it('keeps its word when the power goes again at any call of the next life', async () => {
    const wrong: string[] = []
    const { calls } = await countCalls(seed)
    for (let call = 1; call <= calls; call += 5) {
      const first = await runTwoKeptLives(seed, faultAt(call, halt))
      for (let again = 1; ; again++) {
        const random = new SeededRandom(seed + again)
        const world = first.world.fork()
        const disk = first.disk.crash({ keep: 'random', random })
        faultAt(again, halt)(disk)
        await Promise.race([world.live(disk, 6), disk.halted])
        if (!disk.isHalted) break
        const found = await inspectKept(disk.crash({ keep: 'random', random }), world)
        wrong.push(...found.map((what) => `call ${call}, then ${again}: ${what}`))
      }
    }
    expect(wrong).toEqual([])
  })

  it('keeps its word whichever call fails, also when the process is killed after that', async () => {
    const wrong: string[] = []
    const { calls } = await countCalls(seed)
    for (let call = 1; call <= calls; call += 2) {
      for (const [index, fault] of faults.entries()) {
        const run = await runTwoKeptLives(
          seed,
          faultAt(call, () => fault),
        )
        run.disk.fault = () => undefined
        const found = [...(await cutPower(run, seed, fewKeeps))]
        found.push(...(await inspectKept(run.disk.kill(), run.world.fork())))
        wrong.push(...found.map((what) => `call ${call}, fault ${index}: ${what}`))
      }
    }
    expect(wrong).toEqual([])
  })

  it('is found wanting when fdatasync is taken out', async () => {
    const wrong: string[] = []
    const { calls } = await countCalls(seed)
    for (let call = 1; call <= calls; call++) {
      const run = await runTwoKeptLives(seed, faultAt(call, halt), { ignoreSync: true })
      wrong.push(...(await inspectKept(run.disk.crash({ keep: 'none' }), run.world.fork())))
    }
    expect(wrong).toContainEqual(expect.stringMatching(/was answered 'yes' and is lost$/))
  })
})
