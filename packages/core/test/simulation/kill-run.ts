import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { SeededRandom } from '../../src/testing/seeded-random.ts'
import type { KillTask } from './kill-child.ts'
import { type History, readHistory } from './kill-history.ts'
import { type ProcessEnd, TestProcess } from './kill-process.ts'

const script = join(import.meta.dirname, 'kill-child.ts')

/** Where a life can end before its time. */
export const phases = ['opening', 'writing', 'delivering', 'draining', 'closing'] as const
export type Phase = (typeof phases)[number]

export interface KillRun {
  readonly history: History
  /** How many lives were killed in which phase. */
  readonly kills: Readonly<Record<Phase, number>>
  /** How long each opening took, in ms. */
  readonly openings: readonly number[]
  /** Lives that ended otherwise than by our kill or cleanly. */
  readonly failures: readonly string[]
}

export interface KillRunOptions {
  readonly seed: number
  readonly kills: number
  readonly segmentBytes?: number
  readonly retainedBytes?: number
  readonly redrives?: boolean
}

/**
 * Lets one process after the other work on a directory and kills each at a random instant, then
 * lets a last one finish the work.
 */
export async function runLives(options: KillRunOptions): Promise<KillRun> {
  const directory = await mkdtemp(join(tmpdir(), 'daybook-kill-'))
  try {
    return await new Lives(directory, options).run()
  } finally {
    await rm(directory, { recursive: true, force: true })
  }
}

class Lives {
  readonly #directory: string
  readonly #options: KillRunOptions
  readonly #random: SeededRandom
  readonly #killed = new Set<number>()
  readonly #kills = { opening: 0, writing: 0, delivering: 0, draining: 0, closing: 0 }
  readonly #openings: number[] = []
  readonly #failures: string[] = []
  /** How long each phase takes, in ms: about the mean of the last ones that were seen whole. */
  readonly #lasted: Record<Phase, number> = {
    opening: 20,
    writing: 20,
    delivering: 50,
    draining: 20,
    closing: 10,
  }

  constructor(directory: string, options: KillRunOptions) {
    this.#directory = directory
    this.#options = options
    this.#random = new SeededRandom(options.seed)
  }

  async run(): Promise<KillRun> {
    let life = 1
    // The first life is a whole one, which leaves the code compiled for the others.
    await this.#live(life++, undefined)
    while (this.#killedInPhases() < this.#options.kills && this.#failures.length === 0) {
      await this.#live(life++, this.#nextPhase())
    }
    // A clean close before the last life, which then must repeat nothing.
    await this.#live(life++, undefined)
    await this.#live(life, undefined, true)
    return {
      history: readHistory(this.#directory, this.#killed),
      kills: this.#kills,
      openings: this.#openings,
      failures: this.#failures,
    }
  }

  #killedInPhases(): number {
    return phases.reduce((sum, phase) => sum + this.#kills[phase], 0)
  }

  /** Any, but rather the one that has been hit least: some are soon over. */
  #nextPhase(): Phase {
    if (this.#random.chance(0.5)) return this.#random.pick(phases)
    return phases.reduce((a, b) => (this.#kills[b] < this.#kills[a] ? b : a))
  }

  /** One life; killed somewhere in that phase, or a little later. */
  async #live(life: number, phase: Phase | undefined, isLast = false): Promise<void> {
    const { segmentBytes, retainedBytes, redrives = false } = this.#options
    const task: KillTask = {
      directory: this.#directory,
      life,
      seed: this.#random.integer(0, 2 ** 31),
      records: isLast ? [0, 0] : [this.#random.integer(1, 80), this.#random.integer(40, 280)],
      redrives,
      isLast,
      ...(segmentBytes === undefined ? {} : { segmentBytes }),
      ...(retainedBytes === undefined ? {} : { retainedBytes }),
    }
    const environment = { NODE_COMPILE_CACHE: join(this.#directory, 'compiled') }
    const child = new TestProcess(script, task, { environment })
    void this.#watch(child)
    if (phase !== undefined) await this.#killIn(child, phase)
    this.#note(life, child, await child.ended)
  }

  async #killIn(child: TestProcess, phase: Phase): Promise<void> {
    if ((await child.line(phase)) === undefined) return
    await sleepPrecisely(this.#random.next() * this.#lasted[phase])
    child.kill('SIGKILL')
  }

  async #watch(child: TestProcess): Promise<void> {
    let began = Number.NaN
    for (const [index, phase] of [...phases, 'closed'].entries()) {
      if ((await child.line(phase)) === undefined) return
      const before = phases[index - 1]
      const now = performance.now()
      if (before !== undefined) this.#lasted[before] += (now - began - this.#lasted[before]) / 4
      began = now
    }
  }

  #note(life: number, { lines }: TestProcess, { code, signal, complaints }: ProcessEnd): void {
    const opened = lines.find((line) => line.startsWith('writing'))
    if (opened !== undefined) this.#openings.push(Number(opened.split(' ')[1]))
    const reached = phases.findLast((phase) => lines.some((line) => line.startsWith(phase)))
    const isKilled = signal === 'SIGKILL'
    if (complaints !== '' || (!isKilled && code !== 0)) {
      this.#failures.push(`life ${life}, in ${reached}: exit ${code} ${signal}: ${complaints}`)
    }
    if (!isKilled) return
    this.#killed.add(life)
    if (reached !== undefined && !lines.includes('closed')) this.#kills[reached]++
  }
}

/** Timers know only whole ms. */
async function sleepPrecisely(ms: number): Promise<void> {
  const end = performance.now() + ms
  if (ms > 2) await new Promise((resolve) => setTimeout(resolve, ms - 1))
  while (performance.now() < end) await new Promise((resolve) => setImmediate(resolve))
}
