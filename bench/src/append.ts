import { inspectDisk } from './harness/disk.ts'
import { type Comparison, compare, type Goal } from './harness/goals.ts'
import { describeMachine, type Load, type Machine, watchLoad } from './harness/machine.ts'
import { showProgress } from './harness/progress.ts'
import {
  count,
  counted,
  milliseconds,
  percent,
  provenance,
  range,
  ratio,
  table,
} from './harness/report.ts'
import { type Round, runContest, type Standing } from './harness/rounds.ts'
import { pairedRatio, type Summary, summarize } from './harness/statistics.ts'
import { Workspace } from './harness/workspace.ts'
import { betterSqlite3 } from './peers/better-sqlite3.ts'
import type { Contestant } from './peers/contestant.ts'
import { daybookBytes, daybookJson } from './peers/daybook.ts'
import { diskLoop, growingLoop } from './peers/disk-loop.ts'
import { lmdb } from './peers/lmdb.ts'

export interface AppendOptions {
  /** Where the temporary directory is made. */
  readonly directory: string
  /** Measured seconds of each round; a quarter as much goes before it unmeasured. */
  readonly seconds: number
  readonly rounds: number
  readonly payloadBytes: number
  readonly writers: number
}

export interface AppendReport {
  readonly benchmark: 'append'
  readonly startedAt: string
  readonly options: AppendOptions
  readonly machine: Machine
  readonly load: Load
  readonly contestants: readonly ContestantReport[]
  readonly comparisons: readonly Comparison[]
  /** Records per second of ours with bytes over those of the disk into new blocks, round by round. */
  readonly ofNewBlocks: Summary
}

export interface ContestantReport {
  readonly name: string
  readonly recordsPerSecond: Summary
  /** Payload bytes alone, in units of 1,000,000. */
  readonly megabytesPerSecond: Summary
  readonly p50Ms: Summary
  readonly p99Ms: Summary
  /** Mean records per sync: seen, or as told. */
  readonly groupRecords: Summary
  readonly loopBusy: Summary | undefined
  readonly rounds: readonly Round[]
}

const goals: readonly Goal[] = [
  { peer: diskLoop.name, ratio: 0.5 },
  { peer: betterSqlite3.name, ratio: 3 },
  { peer: lmdb.name, ratio: 2.5 },
]

/** More than any contestant writes in a second, as far as we have seen; for the room a round needs. */
const fastestBytesPerSecond = 2e9

const contestants = [diskLoop, growingLoop, daybookBytes, daybookJson, betterSqlite3, lmdb]

/** Durable appends: ours against the bare disk, SQLite and LMDB. */
export async function benchAppend(options: AppendOptions): Promise<AppendReport> {
  using workspace = new Workspace(options.directory)
  const disk = await inspectDisk(options.directory, options.seconds * 1.25 * fastestBytesPerSecond)
  const startedAt = new Date().toISOString()
  const loadMeanwhile = watchLoad()
  const progress = showProgress(contestants.length * (options.rounds + 1))
  const standings = await runContest({
    contestants,
    reference: daybookBytes,
    rounds: options.rounds,
    times: { warmUpMs: options.seconds * 250, measureMs: options.seconds * 1000 },
    payloadBytes: options.payloadBytes,
    writers: options.writers,
    workspace,
    onRound: (name, round) =>
      progress.step(round === 0 ? `warm-up: ${name}` : `round ${round}: ${name}`),
  }).finally(() => progress.done())
  return {
    benchmark: 'append',
    startedAt,
    options,
    machine: describeMachine(disk),
    load: loadMeanwhile(),
    contestants: standings.map((standing) => report(standing, options.payloadBytes)),
    comparisons: [daybookBytes, daybookJson].flatMap(({ name }) => compare(name, goals, standings)),
    ofNewBlocks: pairedRatio(ratesOf(standings, daybookBytes), ratesOf(standings, growingLoop)),
  }
}

function ratesOf(standings: readonly Standing[], { name }: Contestant): number[] {
  const standing = standings.find(({ contestant }) => contestant === name)
  return (standing?.rounds ?? []).map(({ recordsPerSecond }) => recordsPerSecond)
}

function report({ contestant, rounds }: Standing, payloadBytes: number): ContestantReport {
  const over = (pick: (round: Round) => number): Summary => summarize(rounds.map(pick))
  const busy = rounds.flatMap(({ notes }) => (notes === undefined ? [] : [notes.loopBusy]))
  return {
    name: contestant,
    recordsPerSecond: over((round) => round.recordsPerSecond),
    megabytesPerSecond: over((round) => (round.recordsPerSecond * payloadBytes) / 1e6),
    p50Ms: over((round) => round.p50Ms),
    p99Ms: over((round) => round.p99Ms),
    groupRecords: over((round) => round.notes?.groups?.mean ?? Math.round(round.groupRecords)),
    loopBusy: busy.length === 0 ? undefined : summarize(busy),
    rounds,
  }
}

/** The report for people. */
export function printAppend(report: AppendReport, terminal: boolean): string {
  const { options } = report
  const rows = report.contestants.map((one) => [
    one.name,
    count(one.recordsPerSecond.median),
    range(one.recordsPerSecond),
    count(one.megabytesPerSecond.median),
    milliseconds(one.p50Ms.median),
    milliseconds(one.p99Ms.median),
    count(one.groupRecords.median),
    one.loopBusy === undefined ? '-' : percent(one.loopBusy.median),
  ])
  const head = ['', 'records/s', 'rounds', 'MB/s', 'p50', 'p99', 'group', 'loop busy']
  const verdicts = report.comparisons.map((one) => [
    `${one.contestant} / ${one.peer}`,
    ratio(one.ratio),
    `at least ${one.goal}`,
    one.reached ? 'reached' : 'not reached',
  ])
  const ofDisk = [`${daybookBytes.name} / ${growingLoop.name}`, ratio(report.ofNewBlocks), '', '']
  return [
    `Durable appends of ${options.payloadBytes} bytes, ${options.writers} writers in flight, ` +
      `medians of ${counted(options.rounds, 'round')} of ${options.seconds} s:`,
    table(head, rows, terminal),
    '',
    table(['', 'ratio', 'goal', ''], [...verdicts, ofDisk], terminal),
    '',
    provenance(report.machine, report.load),
  ].join('\n')
}
