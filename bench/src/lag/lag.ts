import { setTimeout as sleep } from 'node:timers/promises'
import { inspectDisk } from '../harness/disk.ts'
import { describeMachine, type Load, type Machine, watchLoad } from '../harness/machine.ts'
import { Meter, type Reading } from '../harness/meter.ts'
import { forgetCached } from '../harness/page-cache.ts'
import { showProgress } from '../harness/progress.ts'
import {
  count,
  counted,
  megabytes,
  milliseconds,
  percent,
  provenance,
  range,
  ratio,
  table,
} from '../harness/report.ts'
import { pairedRatio, type Summary, summarize } from '../harness/statistics.ts'
import { Workspace } from '../harness/workspace.ts'
import { runWriters } from '../harness/writers.ts'
import { openLaggingLog } from './lagging-log.ts'

export interface LagOptions {
  /** Where the temporary directory is made. */
  readonly directory: string
  /** Measured seconds of each round; a quarter as much goes before it unmeasured. */
  readonly seconds: number
  readonly rounds: number
  readonly payloadBytes: number
  readonly writers: number
  /** Payload bytes that the slow target is behind by when the first round begins. */
  readonly backlogBytes: number
  /** How many records the slow target takes in a second. */
  readonly slowPerSecond: number
}

export interface LagReport {
  readonly benchmark: 'lag'
  readonly startedAt: string
  readonly options: LagOptions
  readonly machine: Machine
  readonly load: Load
  /** True if the backlog was read from the disk, not from what the system still held of it. */
  readonly fromDisk: boolean
  readonly without: SideReport
  readonly with: SideReport
  /** Records per second with the slow target over those without it, round by round. */
  readonly ratio: Summary
  readonly goal: number
  readonly reached: boolean
}

export interface SideReport {
  readonly recordsPerSecond: Summary
  readonly p50Ms: Summary
  readonly p99Ms: Summary
  readonly loopBusy: Summary
  /** Records that the slow target took meanwhile, per second. */
  readonly slowPerSecond: Summary
  readonly rounds: readonly Turn[]
}

interface Turn extends Reading {
  readonly loopBusy: number
  readonly slowPerSecond: number
}

const goal = 0.9

/** More than we have seen written in a second, for the room that a round needs. */
const fastestBytesPerSecond = 1e9

/** What a target that is far behind, and reads from the disk, takes from those who write. */
export async function benchLag(options: LagOptions): Promise<LagReport> {
  using workspace = new Workspace(options.directory)
  const written = options.rounds * 2 * options.seconds * 1.25 * fastestBytesPerSecond
  const disk = await inspectDisk(options.directory, options.backlogBytes + written)
  const startedAt = new Date().toISOString()
  const loadMeanwhile = watchLoad()
  const progress = showProgress(1 + 2 * (options.rounds + 1))
  const sides = { without: [] as Turn[], with: [] as Turn[] }
  let fromDisk = true
  await workspace
    .use(async (directory) => {
      progress.step('writing the backlog')
      await writeBacklog({ ...options, directory })
      for (let round = 0; round <= options.rounds; round += 1) {
        for (const side of ['without', 'with'] as const) {
          progress.step(`${round === 0 ? 'warm-up' : `round ${round}`}: ${side} a slow target`)
          fromDisk = (await forgetCached(directory)) && fromDisk
          const turn = await takeTurn({ ...options, directory }, side === 'with')
          if (round > 0) sides[side].push(turn)
        }
      }
    })
    .finally(() => progress.done())
  const rates = (turns: readonly Turn[]) => turns.map((turn) => turn.recordsPerSecond)
  const ratios = pairedRatio(rates(sides.with), rates(sides.without))
  return {
    benchmark: 'lag',
    startedAt,
    options,
    machine: describeMachine(disk),
    load: loadMeanwhile(),
    fromDisk,
    without: reportSide(sides.without),
    with: reportSide(sides.with),
    ratio: ratios,
    goal,
    reached: ratios.median >= goal,
  }
}

/** A backlog that the quick target is done with, and the slow one has barely begun. */
async function writeBacklog(options: LagOptions): Promise<void> {
  const { wal, write, quickIsDone } = await openLaggingLog(options, true)
  await wal.start()
  let left = Math.ceil(options.backlogBytes / options.payloadBytes)
  const writer = async (): Promise<void> => {
    while (left > 0) {
      left -= 1
      await write()
    }
  }
  await Promise.all(Array.from({ length: options.writers }, writer))
  await quickIsDone()
  await wal.close()
}

async function takeTurn(options: LagOptions, withSlow: boolean): Promise<Turn> {
  const { wal, write, quickIsDone, slowApplied } = await openLaggingLog(options, withSlow)
  await wal.start()
  await quickIsDone()
  while (withSlow && slowApplied() === 0) await sleep(20)
  const meter = new Meter({ warmUpMs: options.seconds * 250, measureMs: options.seconds * 1000 })
  const [slowBefore, startedAt] = [slowApplied(), performance.now()]
  const { loopBusy } = await runWriters(options.writers, meter, write)
  const slowPerSecond = (slowApplied() - slowBefore) / ((performance.now() - startedAt) / 1000)
  await wal.close()
  return { ...meter.reading(), loopBusy, slowPerSecond }
}

function reportSide(rounds: readonly Turn[]): SideReport {
  const over = (pick: (turn: Turn) => number): Summary => summarize(rounds.map(pick))
  return {
    recordsPerSecond: over((turn) => turn.recordsPerSecond),
    p50Ms: over((turn) => turn.p50Ms),
    p99Ms: over((turn) => turn.p99Ms),
    loopBusy: over((turn) => turn.loopBusy),
    slowPerSecond: over((turn) => turn.slowPerSecond),
    rounds,
  }
}

/** The report for people. */
export function printLag(report: LagReport, terminal: boolean): string {
  const { options } = report
  const rows = (['without', 'with'] as const).map((side) => {
    const one = report[side]
    return [
      `${side} a slow target`,
      count(one.recordsPerSecond.median),
      range(one.recordsPerSecond),
      milliseconds(one.p50Ms.median),
      milliseconds(one.p99Ms.median),
      percent(one.loopBusy.median),
      side === 'with' ? count(one.slowPerSecond.median) : '-',
    ]
  })
  const head = ['', 'records/s', 'rounds', 'p50', 'p99', 'loop busy', 'slow target/s']
  return [
    `${counted(options.writers, 'writer')} of ${options.payloadBytes} bytes while a quick target follows, ` +
      `and while a slow one is at least ${megabytes(options.backlogBytes)} behind; ` +
      `medians of ${counted(options.rounds, 'round')} of ${options.seconds} s:`,
    table(head, rows, terminal),
    '',
    `With over without: ${ratio(report.ratio)}; the goal is at least ${report.goal}: ` +
      `${report.reached ? 'reached' : 'not reached'}.`,
    report.fromDisk
      ? 'What the system held of the log in memory was dropped before each round.'
      : 'The system cannot be told to forget files: the slow target may have read from memory.',
    provenance(report.machine, report.load),
  ].join('\n')
}
