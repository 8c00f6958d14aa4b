import { type Log, openLog } from '../../src/queue/file/log.ts'
import { SeededRandom } from '../../src/testing/seeded-random.ts'
import { SimulatedFileSystem } from '../../src/testing/simulated-file-system.ts'
import { VirtualClock } from '../../src/testing/virtual-clock.ts'
import { KnownProgress } from '../queue/file/support/known-progress.ts'
import { LogHistory } from './log-history.ts'
import type { MachineOptions, Prepare } from './log-machine.ts'
import { directory, logOptions, readAll, runWriters } from './log-workload.ts'

const minute = 60_000

/**
 * What is outside of a log that lets go of its oldest records: what was written to it, how far its
 * one target is, and what time it is.
 */
export class RetentionWorld {
  readonly random: SeededRandom
  readonly history: LogHistory
  readonly clock: VirtualClock
  readonly progress = new KnownProgress()

  constructor(random: SeededRandom, history = new LogHistory(), clock = new VirtualClock()) {
    this.random = random
    this.history = history
    this.clock = clock
  }

  /** The same world, to go on in another way. */
  fork(): RetentionWorld {
    const clock = new VirtualClock({ now: this.clock.now() })
    const fork = new RetentionWorld(this.random.fork(), this.history.fork(), clock)
    fork.progress.lastingThrough = this.progress.lastingThrough
    return fork
  }

  open(disk: SimulatedFileSystem): Promise<Log> {
    const { clock, progress } = this
    const limits = { timeMs: 30 * minute, bytes: 16_000 }
    const retention = { ...limits, targets: [progress], onHeld: () => {} }
    const knownSynced = progress.lastingThrough
    return openLog(logOptions(disk, { clock, retention, knownSynced, segmentBytes: 5000 }))
  }

  /** Opened, written to, read by a target that lags, left alone for a while, and closed. */
  async live(disk: SimulatedFileSystem, steps = 12): Promise<void> {
    const { random, history, clock } = this
    const log = await this.open(disk)
    log.startRetention()
    for (let step = 0; step < steps; step++) {
      const chance = random.next()
      if (chance < 0.5) await runWriters(log, { random, history, writers: 2, appends: 2 })
      else if (chance < 0.9) await this.#consume(log)
      else await clock.advance(random.integer(1, 40) * minute)
    }
    await log.close()
  }

  /** The target reads some of what it has not seen yet, and is done with it for good. */
  async #consume(log: Log): Promise<void> {
    const { progress, random, history } = this
    const reader = log.reader(progress.lastingThrough + 1)
    const entries = await reader.read({ maxRecords: random.integer(1, 30), maxBytes: 1e6 })
    await reader.close()
    for (const { record } of entries) history.expend(record)
    progress.lastingThrough = entries.at(-1)?.sequence ?? progress.lastingThrough
  }

  /** Everything that is wrong with a log; what it holds is the truth from then on. */
  async check(log: Log): Promise<readonly string[]> {
    const found = await readAll(log)
    const wrong = [...this.history.violations(found)]
    const first = found[0]?.sequence ?? log.lastSequence + 1
    const last = found.at(-1)?.sequence ?? log.lastSequence
    if (first !== log.firstSequence) wrong.push(`begins at ${first}, says ${log.firstSequence}`)
    if (last !== log.lastSequence) wrong.push(`ends at ${last}, says ${log.lastSequence}`)
    if (first > this.progress.lastingThrough + 1) wrong.push(`begins at ${first}, too late`)
    this.history.settle(found)
    return wrong
  }
}

/** A disk that was worked on for a while, and the world around it. */
export interface RetentionRun {
  readonly disk: SimulatedFileSystem
  readonly world: RetentionWorld
}

/** Two lives, unless the machine stops. A failure of the disk may end one of them. */
export async function runTwoKeptLives(
  seed: number,
  prepare: Prepare = () => {},
  options: Omit<MachineOptions, 'wrap'> = {},
): Promise<RetentionRun> {
  const random = new SeededRandom(seed)
  const durableWrites = random.chance(0.5)
  const disk = new SimulatedFileSystem({ random, writeBack: 0.1, durableWrites, ...options })
  await disk.makeDirectory(directory)
  prepare(disk)
  const world = new RetentionWorld(random)
  for (let life = 1; life <= 2 && !disk.isHalted; life++) {
    await Promise.race([world.live(disk).catch(() => {}), disk.halted])
  }
  return { disk, world }
}

/** Opens what a crash left, works with it and opens it again. Answers everything that is wrong. */
export async function inspectKept(
  disk: SimulatedFileSystem,
  world: RetentionWorld,
): Promise<readonly string[]> {
  try {
    const wrong: string[] = []
    const log = await world.open(disk)
    wrong.push(...(await world.check(log)))
    await log.close()
    await world.live(disk, 6)
    const again = await world.open(disk)
    wrong.push(...(await world.check(again)))
    await again.close()
    return wrong
  } catch (error) {
    return [`${error}`]
  }
}
