import { describe, expect, it } from 'vitest'
import type { File, FileSystem } from '../../src/queue/file/file-system.ts'
import { SeededRandom } from '../../src/testing/seeded-random.ts'
import { type DiskFault, SimulatedFileSystem } from '../../src/testing/simulated-file-system.ts'
import { VirtualClock } from '../../src/testing/virtual-clock.ts'
import { ordersOf, ScheduleWorld } from '../queue/file/support/schedule-world.ts'

const seed = Number(process.env['DAYBOOK_SEED'])

/** What is known of a schedule that was at work when the machine stopped. */
interface Known {
  readonly log: number[]
  /** Settled by then. */
  readonly settled: Set<number>
  /** Settled, and a sync has resolved since. */
  readonly lasting: Set<number>
}

type Wrap = (disk: FileSystem) => FileSystem

const asItIs: Wrap = (disk) => disk

function newDisk(): SimulatedFileSystem {
  return new SimulatedFileSystem({ random: new SeededRandom(seed) })
}

/** Two lives of a schedule that spills every other record; the second one closes half way through. */
async function runLives(disk: SimulatedFileSystem, wrap = asItIs): Promise<Known> {
  const known: Known = { log: [], settled: new Set(), lasting: new Set() }
  const random = new SeededRandom(seed)
  const clock = new VirtualClock()
  const lives = async (): Promise<void> => {
    for (let life = 1; life <= 2; life++) {
      const options = { fileSystem: wrap(disk), clock, random, runRecords: 2 }
      const world = await ScheduleWorld.open(options, known.log)
      for (let round = 0; round < 3; round++) await runRound(world, known, clock, random)
      await world.close()
      for (const sequence of known.settled) known.lasting.add(sequence)
    }
  }
  await Promise.race([lives(), disk.halted])
  return known
}

async function runRound(
  world: ScheduleWorld,
  known: Known,
  clock: VirtualClock,
  random: SeededRandom,
): Promise<void> {
  const dueTimes = Array.from({ length: 6 }, () => clock.now() + random.integer(1, 60))
  await world.write(...dueTimes)
  await clock.advance(10)
  const items = await world.take()
  const settled = items.filter(() => random.chance(0.8))
  for (const { order } of settled) known.settled.add(order)
  world.settle(settled)
  world.schedule.putBack(items.filter((item) => !settled.includes(item)))
  await world.cursor.write()
  if (random.chance(0.5)) return
  const covered = [...known.settled]
  if (await world.cursor.sync()) for (const sequence of covered) known.lasting.add(sequence)
}

/** What is wrong with a schedule that was found so on the disk. */
async function violations(disk: SimulatedFileSystem, known: Known): Promise<readonly string[]> {
  const random = new SeededRandom(seed)
  const options = { fileSystem: disk, clock: new VirtualClock(), random, runRecords: 2 }
  const world = await ScheduleWorld.open(options, [...known.log])
  const wrong = world.errors.map(({ message }) => message)
  const { cursor } = world
  for (const sequence of known.lasting) {
    if (!cursor.isDone(sequence)) wrong.push(`${sequence} is done with no more`)
  }
  for (const sequence of known.log.map((_, index) => index + 1)) {
    if (cursor.isDone(sequence) && !known.settled.has(sequence)) wrong.push(`${sequence} is done`)
  }
  const expected = world.expected()
  const taken = ordersOf(await world.take(undefined, Number.POSITIVE_INFINITY))
  if (taken.join() !== expected.join()) wrong.push(`gives ${taken}, not ${expected}`)
  await world.close()
  return wrong
}

/** What is wrong after power cuts at every call in turn: after the first where anything is. */
async function afterPowerCuts(
  wrap = asItIs,
  isLookedFor: (wrong: string) => boolean = () => true,
): Promise<readonly string[]> {
  const whole = newDisk()
  await runLives(whole, wrap)
  for (let nth = 1; nth <= whole.calls(); nth++) {
    const disk = newDisk()
    disk.fault = ({ number }) => (number === nth ? { halt: true } : undefined)
    const known = await runLives(disk, wrap)
    for (const keep of ['none', 'all', 'random'] as const) {
      const wrong = (await violations(disk.crash({ keep }), known)).filter(isLookedFor)
      if (wrong.length > 0) return wrong
    }
  }
  return []
}

describe('the schedule on the disk', () => {
  it('loses nothing and gives everything in order after a power cut at any call', async () => {
    expect(await afterPowerCuts()).toEqual([])
  })

  it('does so too where its process is killed at any call', async () => {
    const whole = newDisk()
    await runLives(whole)
    for (let nth = 1; nth <= whole.calls(); nth++) {
      const disk = newDisk()
      disk.fault = ({ number }) => (number === nth ? { halt: true } : undefined)
      const known = await runLives(disk)
      expect(await violations(disk.kill(), known), `killed at call ${nth}`).toEqual([])
    }
  })

  it('does so too where any one call fails, and the power is cut at the end', async () => {
    const whole = newDisk()
    await runLives(whole)
    for (let nth = 1; nth <= whole.calls(); nth++) {
      const fault: DiskFault = nth % 2 === 0 ? { fail: 'EIO' } : { fail: 'ENOSPC', lands: 0.5 }
      const disk = newDisk()
      disk.fault = ({ number }) => (number === nth ? fault : undefined)
      const known = await runLives(disk).catch(() => undefined)
      // Where it could not even be opened there is nothing to tell.
      if (!known) continue
      const wrong = await violations(disk.crash({ keep: 'none' }), known)
      expect(wrong, `failed at call ${nth}`).toEqual([])
    }
  })
})

const unusable = expect.stringMatching(/a part of a schedule, cannot be used/)

describe('the crash tests of the schedule', () => {
  it('turn red when the sync of a run is taken out', async () => {
    const wrap = withoutSync((path) => path.endsWith('.run'))
    expect(await afterPowerCuts(wrap)).toContainEqual(unusable)
  })

  it('turn red when the sync of the runs’ directory is taken out', async () => {
    const wrap = withoutSync((path) => path.endsWith('/schedules'))
    expect(await afterPowerCuts(wrap)).toContainEqual(unusable)
  })

  it('turn red when runs are removed before the cursor is synced', async () => {
    const wrap = withoutSync((path) => path.endsWith('.cursor'))
    const isOfRuns = (wrong: string): boolean => wrong.includes('a part of a schedule')
    expect(await afterPowerCuts(wrap, isOfRuns)).toContainEqual(unusable)
  })
})

/** A file system that does not sync what has such a path. */
function withoutSync(isLeftOut: (path: string) => boolean): Wrap {
  const without = (file: File, path: string): File => ({
    write: (bytes, position) => file.write(bytes, position),
    read: (into, position) => file.read(into, position),
    size: () => file.size(),
    truncate: (size) => file.truncate(size),
    close: () => file.close(),
    sync: async () => (isLeftOut(path) ? undefined : file.sync()),
  })
  return (disk) => ({
    makeDirectory: (path) => disk.makeDirectory(path),
    list: (path) => disk.list(path),
    create: async (path) => without(await disk.create(path), path),
    open: async (path, access) => without(await disk.open(path, access), path),
    rename: (from, to) => disk.rename(from, to),
    remove: (path) => disk.remove(path),
    syncDirectory: async (path) => (isLeftOut(path) ? undefined : disk.syncDirectory(path)),
  })
}
