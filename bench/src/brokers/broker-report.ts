import type { Disk } from '../harness/disk.ts'
import type { Comparison } from '../harness/goals.ts'
import { describeMachine, type Load, type Machine, watchLoad } from '../harness/machine.ts'
import { showProgress } from '../harness/progress.ts'
import { count, counted, provenance, range, ratio, table } from '../harness/report.ts'
import { pairedRatio, type Summary, summarize } from '../harness/statistics.ts'
import { type BrokerContest, type BrokerRound, type BrokerStandings, takeTurns } from './turns.ts'

/** What a run on a broker found. */
export interface BrokerReport<Options> {
  readonly benchmark: 'kafka' | 'sqs'
  readonly startedAt: string
  readonly options: Options
  readonly machine: Machine
  readonly load: Load
  readonly contests: readonly ContestReport[]
}

/** What one contest found. */
export interface ContestReport {
  readonly about: string
  readonly contestants: readonly {
    readonly name: string
    readonly recordsPerSecond: Summary
    readonly cpuMicros: Summary
    readonly batchRecords: Summary | undefined
    readonly rounds: readonly BrokerRound[]
  }[]
  /** Ours against each of the bare ones. */
  readonly comparisons: readonly Comparison[]
}

/** Runs the contests, one after the other. */
export async function runContests<Options extends { readonly rounds: number }>(
  benchmark: 'kafka' | 'sqs',
  options: Options,
  disk: Disk,
  contests: readonly BrokerContest[],
): Promise<BrokerReport<Options>> {
  const startedAt = new Date().toISOString()
  const loadMeanwhile = watchLoad()
  const turns = contests.reduce((sum, { bare }) => sum + 1 + bare.length, 0)
  const progress = showProgress(turns * (options.rounds + 1))
  const reports: ContestReport[] = []
  try {
    for (const contest of contests) {
      const standings = await takeTurns(contest, options.rounds, (name, round) =>
        progress.step(`${round === 0 ? 'warm-up' : `round ${round}`}: ${contest.about}: ${name}`),
      )
      reports.push(reportOf(contest, standings))
    }
  } finally {
    progress.done()
  }
  const machine = describeMachine(disk)
  return { benchmark, startedAt, options, machine, load: loadMeanwhile(), contests: reports }
}

/** Holds ours against each of the bare ones, round by round. */
export function reportOf(
  { about, ours, bare, goal }: BrokerContest,
  standings: BrokerStandings,
): ContestReport {
  const ratesOf = (name: string): number[] =>
    (standings.get(name) ?? []).map(({ recordsPerSecond }) => recordsPerSecond)
  return {
    about,
    contestants: [...standings].map(([name, rounds]) => {
      const over = (pick: (round: BrokerRound) => number): Summary => summarize(rounds.map(pick))
      const batches = rounds.flatMap(({ batchRecords = [] }) => batchRecords)
      return {
        name,
        recordsPerSecond: over((round) => round.recordsPerSecond),
        cpuMicros: over((round) => round.cpuMicros),
        batchRecords: batches.length === 0 ? undefined : summarize(batches),
        rounds,
      }
    }),
    comparisons: bare.map(({ name: peer }) => {
      const found = pairedRatio(ratesOf(ours.name), ratesOf(peer))
      const reached = found.median >= goal
      return { contestant: about, peer, ratio: found, goal, reached }
    }),
  }
}

/** The report for people, below a line that says what was done. */
export function printContests(
  { contests, machine, load, options }: BrokerReport<{ readonly rounds: number }>,
  what: string,
  terminal: boolean,
): string {
  const rows = contests.flatMap(({ about, contestants }) =>
    contestants.map((one) => [
      `${about}: ${one.name}`,
      count(one.recordsPerSecond.median),
      range(one.recordsPerSecond),
      one.cpuMicros.median.toFixed(1),
      one.batchRecords === undefined ? '-' : count(one.batchRecords.median),
    ]),
  )
  const verdicts = contests.flatMap(({ comparisons }) =>
    comparisons.map((one) => [
      `${one.contestant}: ours / ${one.peer}`,
      ratio(one.ratio),
      `at least ${one.goal}`,
      one.reached ? 'reached' : 'not reached',
    ]),
  )
  return [
    `${what} Medians of ${counted(options.rounds, 'round')}:`,
    table(['', 'records/s', 'rounds', 'CPU µs each', 'a call'], rows, terminal),
    '',
    table(['', 'ratio', 'goal', ''], verdicts, terminal),
    '',
    provenance(machine, load),
  ].join('\n')
}
