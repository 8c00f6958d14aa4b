import { inspectDisk } from './harness/disk.ts'
import { describeMachine, type Load, type Machine, watchLoad } from './harness/machine.ts'
import { showProgress } from './harness/progress.ts'
import {
  byteSize,
  count,
  counted,
  milliseconds,
  percent,
  provenance,
  ratio,
  table,
} from './harness/report.ts'
import { type Round, runContest, type Standing } from './harness/rounds.ts'
import { pairedRatio, type Summary, summarize } from './harness/statistics.ts'
import { Workspace } from './harness/workspace.ts'
import type { Contestant } from './peers/contestant.ts'
import { daybookBytes, daybookMany } from './peers/daybook.ts'
import { diskLoop, dsyncLoop } from './peers/disk-loop.ts'

export interface AppendMatrixOptions {
  /** Where the temporary directory is made. */
  readonly directory: string
  /** Measured seconds of each round; a quarter as much goes before it unmeasured. */
  readonly seconds: number
  readonly rounds: number
  readonly payloadBytes: readonly number[]
  readonly writers: readonly number[]
}

export interface AppendMatrixReport {
  readonly benchmark: 'append-matrix'
  readonly startedAt: string
  readonly options: AppendMatrixOptions
  readonly machine: Machine
  readonly load: Load
  readonly cells: readonly Cell[]
  readonly latencies: readonly Latency[]
}

/** One size of payload, one number of writers, one way to write. */
export interface Cell {
  readonly payloadBytes: number
  readonly writers: number
  /** 1 for `write`; more for `writeMany`. */
  readonly recordsPerCall: number
  readonly recordsPerSecond: Summary
  readonly p50Ms: Summary
  readonly p99Ms: Summary
  readonly groupRecords: Summary
  /** Share (0 to 1) of the time in which the event loop was busy. */
  readonly loopBusy: Summary
  readonly loopRecordsPerSecond: Summary
  /** Ours over the node loop's records per second, round by round. */
  readonly ratio: Summary
  readonly goal: number
  readonly reached: boolean
}

/** The median latency of one writer that writes record by record, against bare calls of the disk. */
export interface Latency {
  readonly payloadBytes: number
  readonly peer: string
  readonly oursMs: Summary
  readonly peerMs: Summary
  /** Ours over the peer's, round by round. */
  readonly ratio: Summary
  readonly goal: number
  readonly reached: boolean
}

const rateGoal = 0.5
const latencyGoal = 1.2

/** What one call of `writeMany` carries at most. */
const largestCall = { records: 100, bytes: 2 ** 20 }
/** What all writers together have in flight at most: more would only wait for room, for seconds. */
const mostInFlight = { records: 2 ** 14, bytes: 2 ** 26 }

/** More than any contestant writes in a second, as far as we have seen; for the room a round needs. */
const fastestBytesPerSecond = 2e9

interface Turn {
  readonly payloadBytes: number
  readonly writers: number
  readonly recordsPerCall: number
  readonly standings: readonly Standing[]
}

/** Ours against the bare disk at the same group size, for every size, number of writers and way to write. */
export async function benchAppendMatrix(options: AppendMatrixOptions): Promise<AppendMatrixReport> {
  using workspace = new Workspace(options.directory)
  const disk = await inspectDisk(options.directory, options.seconds * 1.25 * fastestBytesPerSecond)
  const startedAt = new Date().toISOString()
  const loadMeanwhile = watchLoad()
  const cells = combinations(options)
  const progress = showProgress(cells.length)
  const turns: Turn[] = []
  try {
    for (const cell of cells) {
      progress.step(describe(cell))
      turns.push({ ...cell, standings: await takeTurns(cell, options, workspace) })
    }
  } finally {
    progress.done()
  }
  return {
    benchmark: 'append-matrix',
    startedAt,
    options,
    machine: describeMachine(disk),
    load: loadMeanwhile(),
    cells: turns.map(reportCell),
    latencies: turns.filter(isOneByOne).flatMap(reportLatencies),
  }
}

function combinations({ payloadBytes, writers }: AppendMatrixOptions) {
  return payloadBytes.flatMap((bytes) =>
    writers.flatMap((count) =>
      [1, recordsPerBatch(bytes, count)].map((recordsPerCall) => ({
        payloadBytes: bytes,
        writers: count,
        recordsPerCall,
      })),
    ),
  )
}

/** Two at least, or it would be no batch. */
function recordsPerBatch(payloadBytes: number, writers: number): number {
  const ofOne = Math.min(largestCall.records, largestCall.bytes / payloadBytes)
  const ofAll = Math.min(mostInFlight.records, mostInFlight.bytes / payloadBytes)
  return Math.max(2, Math.floor(Math.min(ofOne, ofAll / writers)))
}

function takeTurns(
  cell: Omit<Turn, 'standings'>,
  { seconds, rounds }: AppendMatrixOptions,
  workspace: Workspace,
): Promise<Standing[]> {
  const ours = contestantFor(cell)
  return runContest({
    contestants: isOneByOne(cell) ? [diskLoop, ours, dsyncLoop] : [diskLoop, ours],
    reference: ours,
    rounds,
    times: { warmUpMs: seconds * 250, measureMs: seconds * 1000 },
    payloadBytes: cell.payloadBytes,
    writers: cell.writers,
    workspace,
  })
}

function contestantFor({ recordsPerCall }: Omit<Turn, 'standings'>): Contestant {
  return recordsPerCall === 1 ? daybookBytes : daybookMany(recordsPerCall)
}

function isOneByOne({ writers, recordsPerCall }: Omit<Turn, 'standings'>): boolean {
  return writers === 1 && recordsPerCall === 1
}

function reportCell(turn: Turn): Cell {
  const ours = over(turn, contestantFor(turn).name)
  const loop = over(turn, diskLoop.name)
  const rates = ours((round) => round.recordsPerSecond)
  const loopRates = loop((round) => round.recordsPerSecond)
  const share = pairedRatio(rates, loopRates)
  return {
    payloadBytes: turn.payloadBytes,
    writers: turn.writers,
    recordsPerCall: turn.recordsPerCall,
    recordsPerSecond: summarize(rates),
    p50Ms: summarize(ours((round) => round.p50Ms)),
    p99Ms: summarize(ours((round) => round.p99Ms)),
    groupRecords: summarize(ours((round) => round.notes?.groups?.mean ?? round.groupRecords)),
    loopBusy: summarize(ours((round) => round.notes?.loopBusy ?? Number.NaN)),
    loopRecordsPerSecond: summarize(loopRates),
    ratio: share,
    goal: rateGoal,
    reached: share.median >= rateGoal,
  }
}

function reportLatencies(turn: Turn): Latency[] {
  const ours = over(turn, daybookBytes.name)((round) => round.p50Ms)
  return [diskLoop, dsyncLoop].map(({ name }) => {
    const theirs = over(turn, name)((round) => round.p50Ms)
    const times = pairedRatio(ours, theirs)
    return {
      payloadBytes: turn.payloadBytes,
      peer: name,
      oursMs: summarize(ours),
      peerMs: summarize(theirs),
      ratio: times,
      goal: latencyGoal,
      reached: times.median <= latencyGoal,
    }
  })
}

/** Picks a figure out of each round of one contestant. */
function over({ standings }: Turn, name: string) {
  const standing = standings.find(({ contestant }) => contestant === name)
  if (standing === undefined) throw new Error(`no contestant is called ${name}`)
  return (pick: (round: Round) => number): number[] => standing.rounds.map(pick)
}

/** The report for people. */
export function printAppendMatrix(report: AppendMatrixReport, terminal: boolean): string {
  const { options } = report
  const rows = report.cells.map((cell) => [
    describe(cell),
    count(cell.recordsPerSecond.median),
    count((cell.recordsPerSecond.median * cell.payloadBytes) / 1e6),
    milliseconds(cell.p50Ms.median),
    milliseconds(cell.p99Ms.median),
    count(cell.groupRecords.median),
    percent(cell.loopBusy.median),
    count(cell.loopRecordsPerSecond.median),
    ratio(cell.ratio),
    cell.reached ? 'reached' : 'not reached',
  ])
  const head = ['', 'records/s', 'MB/s', 'p50', 'p99', 'group', 'loop busy', 'node loop', 'ratio']
  const latencies = report.latencies.map((one) => [
    `${byteSize(one.payloadBytes)} / ${one.peer}`,
    milliseconds(one.oursMs.median),
    milliseconds(one.peerMs.median),
    ratio(one.ratio),
    `at most ${one.goal}`,
    one.reached ? 'reached' : 'not reached',
  ])
  return [
    `Durable appends against the bare disk at the same group size, medians of ` +
      `${counted(options.rounds, 'round')} of ${options.seconds} s each:`,
    table([...head, `at least ${rateGoal}`], rows, terminal),
    '',
    'The median latency of one writer:',
    table(['', 'ours p50', 'peer p50', 'ratio', 'goal', ''], latencies, terminal),
    '',
    provenance(report.machine, report.load),
  ].join('\n')
}

function describe({ payloadBytes, writers, recordsPerCall }: Omit<Turn, 'standings'>): string {
  const call = recordsPerCall === 1 ? 'write' : `writeMany(${recordsPerCall})`
  return `${byteSize(payloadBytes)}, ${call}, ${counted(writers, 'writer')}`
}
