import { describe, expect, it } from 'vitest'
import { type Log, openLog } from '../../../src/queue/file/log.ts'
import { makeStoredRecord } from '../../../src/testing/make-record.ts'
import { SeededRandom } from '../../../src/testing/seeded-random.ts'
import { SimulatedFileSystem } from '../../../src/testing/simulated-file-system.ts'
import { VirtualClock } from '../../../src/testing/virtual-clock.ts'
import { directory, logOptions, readAll } from '../../simulation/log-workload.ts'
import { KnownProgress } from './support/known-progress.ts'

const seed = Number(process.env['DAYBOOK_SEED'])
const minute = 60_000
const hour = 60 * minute
const segmentBytes = 6000
/** A segment may be larger by one group. */
const largestSegmentBytes = segmentBytes + 3000

interface Limits {
  readonly timeMs: number
  readonly bytes: number
}

/** What a log has to keep, told without segments: by when each record was written, and who needs it. */
class Model {
  readonly #limits: Limits
  /** By sequence - 1: when it was written, as far as the clock can be believed. */
  readonly #writtenAt: number[] = []
  /** All up to this one may have been removed at some time. */
  #expendable = 0

  constructor(limits: Limits) {
    this.#limits = limits
  }

  get lastSequence(): number {
    return this.#writtenAt.length
  }

  append(now: number): void {
    this.#writtenAt.push(now)
  }

  /** Whatever happens next happens at this time, with nothing needed up to that sequence. */
  observe(now: number, doneThrough: number): void {
    for (const [index, at] of this.#writtenAt.entries()) {
      const writtenAt = Math.min(at, now)
      this.#writtenAt[index] = writtenAt
      const isOld = writtenAt + this.#limits.timeMs <= now
      const mayGo = index + 1 <= doneThrough && (isOld || this.#limits.bytes < Infinity)
      if (mayGo) this.#expendable = Math.max(this.#expendable, index + 1)
    }
  }

  /** What is wrong with a log that holds these records. */
  objections(sequences: readonly number[], keptBytes: number): readonly string[] {
    const first = sequences[0] ?? this.lastSequence + 1
    const wrong: string[] = []
    const expected = Array.from({ length: this.lastSequence + 1 - first }, (_, at) => first + at)
    if (expected.join() !== sequences.join()) wrong.push(`holds ${sequences}`)
    if (first > this.#expendable + 1) wrong.push(`begins at ${first}, not ${this.#expendable + 1}`)
    // The last file may have been larger then: one that is used again is cut off at a close.
    const isShort = keptBytes + 2 * largestSegmentBytes <= this.#limits.bytes
    if (this.#limits.timeMs === Infinity && first > 1 && isShort) {
      wrong.push(`has let go of records though it holds no more than ${keptBytes} bytes`)
    }
    return wrong
  }
}

/** A log and its model, worked on at random. */
class Run {
  readonly #random: SeededRandom
  readonly #limits: Limits
  readonly #model: Model
  readonly #clock = new VirtualClock()
  readonly #disk: SimulatedFileSystem
  #progress = new KnownProgress()
  #release: (() => void) | undefined
  #heldFrom = Infinity
  removals = 0
  readonly wrong: string[] = []

  constructor(random: SeededRandom, limits: Limits) {
    this.#random = random
    this.#limits = limits
    this.#model = new Model(limits)
    this.#disk = new SimulatedFileSystem({ random })
  }

  async go(): Promise<void> {
    await this.#disk.makeDirectory(directory)
    let log = await this.#open()
    for (let step = 0; step < 60; step++) {
      this.#observe()
      const chance = this.#random.next()
      if (chance < 0.5) await this.#append(log)
      else if (chance < 0.7) this.#advanceTarget(log)
      else if (chance < 0.8) await this.#clock.advance(this.#random.integer(1, 3) * 20 * minute)
      else if (chance < 0.85) this.#clock.stepWallClock(this.#random.integer(-5, 5) * 20 * minute)
      else if (chance < 0.95) this.#holdOrRelease(log)
      else log = await this.#restart(log)
      this.#observe()
      await this.#clock.settle()
      this.#observe()
      const sequences = (await readAll(log)).map(({ sequence }) => sequence)
      const found = this.#model.objections(sequences, log.kept().bytes)
      this.wrong.push(...found.map((what) => `step ${step}: ${what}`))
    }
    await this.#leaveAlone(log)
    this.removals = log.firstSequence - 1
    await log.close()
  }

  async #open(): Promise<Log> {
    this.#release = undefined
    this.#heldFrom = Infinity
    const progress = new KnownProgress()
    progress.lastingThrough = this.#progress.lastingThrough
    this.#progress = progress
    const log = await openLog(
      logOptions(this.#disk, {
        clock: this.#clock,
        segmentBytes,
        knownSynced: progress.lastingThrough,
        retention: { ...this.#limits, targets: [progress], onHeld() {} },
      }),
    )
    log.startRetention()
    return log
  }

  async #restart(log: Log): Promise<Log> {
    await log.close()
    return this.#open()
  }

  async #append(log: Log): Promise<void> {
    const now = this.#clock.now()
    const records = Array.from({ length: this.#random.integer(1, 4) }, () =>
      makeStoredRecord({ writtenAt: now, payload: Buffer.alloc(this.#random.integer(0, 500)) }),
    )
    for (const _ of records) this.#model.append(now)
    await log.append(records)
  }

  #advanceTarget(log: Log): void {
    const { lastingThrough } = this.#progress
    this.#progress.lastingThrough = this.#random.integer(lastingThrough, log.lastSequence)
  }

  #holdOrRelease(log: Log): void {
    if (this.#release === undefined) {
      this.#heldFrom = this.#random.integer(log.firstSequence, log.lastSequence + 1)
      this.#release = log.hold(this.#heldFrom)
    } else {
      this.#release()
      this.#release = undefined
      this.#heldFrom = Infinity
    }
  }

  #observe(): void {
    const doneThrough = Math.min(this.#progress.lastingThrough, this.#heldFrom - 1)
    this.#model.observe(this.#clock.now(), doneThrough)
  }

  /** Once nobody needs anything, all goes in time. */
  async #leaveAlone(log: Log): Promise<void> {
    this.#release?.()
    this.#progress.lastingThrough = log.lastSequence
    await this.#clock.advance(this.#limits.timeMs === Infinity ? hour : this.#limits.timeMs + hour)
    const { bytes } = log.kept()
    const records = await readAll(log)
    if (this.#limits.timeMs < Infinity && records.length > 0) this.wrong.push('is not emptied')
    if (bytes > this.#limits.bytes + largestSegmentBytes) this.wrong.push(`has ${bytes} bytes left`)
  }
}

describe('a log with a retention, whatever is done to it', () => {
  it.each([
    { timeMs: hour, bytes: Infinity },
    { timeMs: 0, bytes: Infinity },
    { timeMs: Infinity, bytes: 40_000 },
    { timeMs: Infinity, bytes: 1 },
  ])('keeps what it has to and lets go of the rest: $timeMs ms, $bytes bytes', async (limits) => {
    const random = new SeededRandom(seed)
    let removals = 0
    for (let round = 0; round < 15; round++) {
      const run = new Run(random.fork(), limits)
      await run.go()
      expect([round, run.wrong]).toEqual([round, []])
      removals += run.removals
    }
    expect(removals).toBeGreaterThan(50)
  })
})
