import { freemem } from 'node:os'
import { inspectDisk } from './harness/disk.ts'
import { describeMachine, type Load, type Machine, watchLoad } from './harness/machine.ts'
import { showProgress } from './harness/progress.ts'
import {
  byteSize,
  count,
  counted,
  milliseconds,
  provenance,
  range,
  ratio,
  table,
} from './harness/report.ts'
import { pairedRatio, type Summary, summarize } from './harness/statistics.ts'
import { Workspace } from './harness/workspace.ts'
import { type BacklogRound, deliverBacklog } from './peers/daybook-backlog.ts'

export interface DeliverOptions {
  /** Where the temporary directory is made. */
  readonly directory: string
  readonly rounds: number
  /** Payload bytes of each backlog, in all. */
  readonly backlogBytes: number
  /** A backlog has at most so many records; small payloads then make it smaller than `backlogBytes`. */
  readonly maxRecords: number
  /** One backlog for each size, and for each order. */
  readonly payloadBytes: readonly number[]
  readonly writers: number
  /** Distinct keys that the records are spread over. */
  readonly keys: number
}

export interface DeliverReport {
  readonly benchmark: 'deliver'
  readonly startedAt: string
  readonly options: DeliverOptions
  readonly machine: Machine
  readonly load: Load
  /** True if the machine's free memory could hold the backlog, so that reading it need not touch the disk. */
  readonly pageCacheMayHoldBacklog: boolean
  readonly backlogs: readonly BacklogReport[]
}

export interface BacklogReport {
  readonly payloadBytes: number
  readonly records: number
  readonly order: 'key' | 'none'
  readonly appendedPerSecond: Summary
  readonly deliveredPerSecond: Summary
  /** Delivered over appended records per second, round by round. */
  readonly ratio: Summary
  readonly goal: number
  readonly reached: boolean
  /** Time to open the wal with its backlog. */
  readonly openMs: Summary
  readonly rounds: readonly BacklogRound[]
}

const goal = 0.5
const orders = ['none', 'key'] as const

/** The warm-up's share of the backlog: enough to compile what is hot. */
const warmUpShare = 0.125

interface Backlog {
  readonly payloadBytes: number
  readonly records: number
  readonly order: 'key' | 'none'
}

/** Written to applied: how fast a backlog drains into a target that does nothing. */
export async function benchDeliver(options: DeliverOptions): Promise<DeliverReport> {
  using workspace = new Workspace(options.directory)
  const disk = await inspectDisk(options.directory, options.backlogBytes * 1.5)
  const startedAt = new Date().toISOString()
  const loadMeanwhile = watchLoad()
  const pageCacheMayHoldBacklog = freemem() > options.backlogBytes
  const backlogs = options.payloadBytes.flatMap((payloadBytes) =>
    orders.map((order) => ({ payloadBytes, order, records: recordsOf(payloadBytes, options) })),
  )
  const rounds = new Map<Backlog, BacklogRound[]>(backlogs.map((backlog) => [backlog, []]))
  const progress = showProgress(backlogs.length * (options.rounds + 1))
  try {
    for (let round = 0; round <= options.rounds; round += 1) {
      for (const backlog of backlogs) {
        progress.step(`${round === 0 ? 'warm-up' : `round ${round}`}: ${describe(backlog)}`)
        const records = Math.ceil(backlog.records * (round === 0 ? warmUpShare : 1))
        const result = await workspace.use((directory) =>
          deliverBacklog({ ...options, ...backlog, records, directory }),
        )
        if (round > 0) rounds.get(backlog)?.push(result)
      }
    }
  } finally {
    progress.done()
  }
  return {
    benchmark: 'deliver',
    startedAt,
    options,
    machine: describeMachine(disk),
    load: loadMeanwhile(),
    pageCacheMayHoldBacklog,
    backlogs: [...rounds].map(([backlog, its]) => reportBacklog(backlog, its)),
  }
}

function recordsOf(payloadBytes: number, { backlogBytes, maxRecords }: DeliverOptions): number {
  return Math.min(maxRecords, Math.ceil(backlogBytes / payloadBytes))
}

function reportBacklog(backlog: Backlog, rounds: readonly BacklogRound[]): BacklogReport {
  const appended = rounds.map((round) => round.appendedPerSecond)
  const delivered = rounds.map((round) => round.deliveredPerSecond)
  const ratios = pairedRatio(delivered, appended)
  return {
    ...backlog,
    appendedPerSecond: summarize(appended),
    deliveredPerSecond: summarize(delivered),
    ratio: ratios,
    goal,
    reached: ratios.median >= goal,
    openMs: summarize(rounds.map((round) => round.openMs)),
    rounds,
  }
}

/** The report for people. */
export function printDeliver(report: DeliverReport, terminal: boolean): string {
  const { options } = report
  const rows = report.backlogs.map((one) => [
    describe(one),
    count(one.records),
    count(one.appendedPerSecond.median),
    count(one.deliveredPerSecond.median),
    range(one.deliveredPerSecond),
    ratio(one.ratio),
    one.reached ? 'reached' : 'not reached',
    milliseconds(one.openMs.median),
  ])
  const head = ['', 'records', 'appended/s', 'delivered/s', 'rounds', 'ratio', `at least ${goal}`]
  return [
    `A backlog over ${count(options.keys)} keys, written by ${counted(options.writers, 'writer')}, ` +
      'closed, opened again and drained into a target that does nothing; ' +
      `medians of ${counted(options.rounds, 'round')}:`,
    table([...head, 'open'], rows, terminal),
    '',
    report.pageCacheMayHoldBacklog
      ? 'The page cache of this machine may hold a whole backlog: this is reading from memory.'
      : 'The backlog is larger than the free memory: at least a part is read from the disk.',
    provenance(report.machine, report.load),
  ].join('\n')
}

function describe({ payloadBytes, order }: Backlog | BacklogReport): string {
  return `${byteSize(payloadBytes)}, order ${order}`
}
