import { describe, expect, it } from 'vitest'
import { SeededRandom } from '../../src/testing/seeded-random.ts'
import type { Keep } from '../../src/testing/simulated-file.ts'
import { countCalls, faultAt, runTwoLives } from './log-machine.ts'
import { inspect, runLife, seed } from './log-workload.ts'

const halt = () => ({ halt: true }) as const
const keeps: readonly Keep[] = ['none', 'all', 'random', 'random', 'random', 'random']

describe('a log on a machine that loses power', () => {
  it('keeps its word whichever call to the disk is the last', async () => {
    const wrong: string[] = []
    for (let round = seed; round < seed + 6; round++) {
      const calls = await countCalls(round)
      expect(calls).toBeGreaterThan(25)
      for (let call = 1; call <= calls; call++) {
        const { disk, history } = await runTwoLives(round, faultAt(call, halt))
        for (const [index, keep] of keeps.entries()) {
          const random = new SeededRandom(round + index)
          const workload = { random, history: history.fork() }
          const found = await inspect(disk.crash({ keep, random }), workload)
          wrong.push(...found.map((what) => `seed ${round}, call ${call}, ${keep}: ${what}`))
        }
      }
    }
    expect(wrong).toEqual([])
  })

  it('keeps its word when the power goes again at any call of the next life', async () => {
    const wrong: string[] = []
    const calls = await countCalls(seed)
    for (let call = 1; call <= calls; call++) {
      const first = await runTwoLives(seed, faultAt(call, halt))
      for (let again = 1; ; again++) {
        const random = new SeededRandom(seed + again)
        const history = first.history.fork()
        const disk = first.disk.crash({ keep: 'random', random })
        faultAt(again, halt)(disk)
        const life = runLife(disk, { random, history, writers: 2, appends: 2 })
        await Promise.race([life, disk.halted])
        if (!disk.isHalted) break
        const found = await inspect(disk.crash({ keep: 'random', random }), { random, history })
        wrong.push(...found.map((what) => `call ${call}, then ${again}: ${what}`))
      }
    }
    expect(wrong).toEqual([])
  })
})
