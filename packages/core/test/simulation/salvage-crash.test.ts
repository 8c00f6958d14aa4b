import { isDeepStrictEqual } from 'node:util'
import { describe, expect, it } from 'vitest'
import { isWalError } from '../../src/errors.ts'
import { SeededRandom } from '../../src/testing/seeded-random.ts'
import { type DiskFault, SimulatedFileSystem } from '../../src/testing/simulated-file-system.ts'
import { into, salvage } from '../queue/file/inspect/support/salvaged.ts'
import {
  filesOn,
  from,
  openQueue,
  type SampleQueue,
  sampleQueue,
} from '../queue/file/inspect/support/sample-queue.ts'
import { readLog } from '../queue/file/support/read-log.ts'
import { changesDisk, faultAt } from './log-machine.ts'

const seed = Number(process.env['DAYBOOK_SEED'] ?? 1)

function diskWith({ files }: SampleQueue): SimulatedFileSystem {
  const disk = new SimulatedFileSystem({ random: new SeededRandom(seed), writeBack: 0.1 })
  for (const [path, bytes] of files) disk.put(`${from}/${path}`, bytes)
  return disk
}

async function countCalls(sample: SampleQueue): Promise<number> {
  const disk = diskWith(sample)
  let calls = 0
  disk.fault = (call) => {
    if (changesDisk(call)) calls += 1
    return undefined
  }
  await salvage(disk)
  return calls
}

/** What opening the copy comes to. */
async function stateOfCopy(
  disk: SimulatedFileSystem,
  { records }: SampleQueue,
): Promise<'whole' | 'unfinished' | 'not begun' | 'wrong'> {
  const holdsNothing = ![...filesOn(disk, into).keys()].some((path) => path.includes('/'))
  try {
    await (await openQueue(disk, into)).close()
  } catch (error) {
    const isUnfinished = isWalError(error) && error.code === 'ERR_SALVAGE_UNFINISHED'
    return isUnfinished ? 'unfinished' : 'wrong'
  }
  const copied = (await readLog(into, disk)).map(({ record }) => record)
  if (isDeepStrictEqual(copied, records)) return 'whole'
  return holdsNothing && copied.length === 0 ? 'not begun' : 'wrong'
}

/** Salvages again where the first time came to nothing. Answers what is wrong then. */
async function goOn(
  disk: SimulatedFileSystem,
  sample: SampleQueue,
  mayBe: readonly string[],
): Promise<readonly string[]> {
  const wrong: string[] = []
  const state = await stateOfCopy(disk.crash({ keep: 'all' }), sample)
  if (!mayBe.includes(state)) wrong.push(`the copy is ${state}`)
  if (!isDeepStrictEqual(filesOn(disk), sample.files)) wrong.push('the original has changed')
  if (state === 'whole') return wrong
  await salvage(disk)
  const again = await stateOfCopy(disk.crash({ keep: 'none' }), sample)
  if (again !== 'whole') wrong.push(`the second copy is ${again}`)
  return wrong
}

describe('a salvage', () => {
  it('leaves a whole copy or one that cannot be opened, wherever power is cut', async () => {
    const sample = await sampleQueue('killed')
    const calls = await countCalls(sample)
    const wrong: string[] = []
    for (let call = 1; call <= calls; call++) {
      const disk = diskWith(sample)
      faultAt(call, () => ({ halt: true }))(disk)
      await Promise.race([salvage(disk).catch(() => {}), disk.halted])
      for (const keep of ['none', 'all', 'random'] as const) {
        const found = disk.crash({ keep, random: new SeededRandom(seed + call) })
        const violations = await goOn(found, sample, ['whole', 'unfinished', 'not begun'])
        wrong.push(...violations.map((what) => `halted at ${call}, ${keep} kept: ${what}`))
      }
    }
    expect(wrong).toEqual([])
    expect(calls).toBeGreaterThan(30)
  })

  it.each(['EIO', 'ENOSPC'])(
    'rejects and can be repeated, whichever call fails with %s',
    async (fail) => {
      const sample = await sampleQueue('killed')
      const calls = await countCalls(sample)
      const wrong: string[] = []
      for (let call = 1; call <= calls; call++) {
        for (const lands of [0, 1]) {
          const disk = diskWith(sample)
          const fault: DiskFault = { fail, lands }
          faultAt(call, () => fault)(disk)
          const outcome = await salvage(disk).then(
            () => 'done',
            (error: unknown) => (isWalError(error) ? 'rejected' : String(error)),
          )
          disk.fault = () => undefined
          // What is removed or closed at last may fail without harm.
          const mayBe = outcome === 'done' ? ['whole'] : ['whole', 'unfinished', 'not begun']
          if (!['done', 'rejected'].includes(outcome)) wrong.push(`call ${call}: ${outcome}`)
          const violations = await goOn(disk, sample, mayBe)
          wrong.push(
            ...violations.map((what) => `call ${call} failed, ${lands} of it done: ${what}`),
          )
        }
      }
      expect(wrong).toEqual([])
    },
  )
})
