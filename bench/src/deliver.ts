import { freemem } from 'node:os'
import { inspectDisk } from './harness/disk.ts'
import { describeMachine, type Load, type Machine, watchLoad } from './harness/machine.ts'
import { showProgress } from './harness/progress.ts'
import {
  count,
  counted,
  megabytes,
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
  /** Payload bytes of the backlog, in all. */
  readonly backlogBytes: number
  readonly payloadBytes: number
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
  readonly backlogRecords: number
  /** True if the machine's free memory could hold the backlog, so that reading it need not touch the disk. */
  readonly pageCacheMayHoldBacklog: boolean
  readonly orders: readonly OrderReport[]
}

export interface OrderReport {
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

/** Written to applied: how fast a backlog drains into a target that does nothing. */
export async function benchDeliver(options: DeliverOptions): Promise<DeliverReport> {
  using workspace = new Workspace(options.directory)
  const disk = await inspectDisk(options.directory, options.backlogBytes * 1.5)
  const startedAt = new Date().toISOString()
  const loadMeanwhile = watchLoad()
  const records = Math.ceil(options.backlogBytes / options.payloadBytes)
  const pageCacheMayHoldBacklog = freemem() > options.backlogBytes
  const progress = showProgress(orders.length * (options.rounds + 1))
  const rounds = { none: [] as BacklogRound[], key: [] as BacklogRound[] }
  try {
    for (let round = 0; round <= options.rounds; round += 1) {
      for (const order of orders) {
        progress.step(`${round === 0 ? 'warm-up' : `round ${round}`}: order ${order}`)
        const result = await workspace.use((directory) =>
          deliverBacklog({
            ...options,
            directory,
            order,
            records: Math.ceil(round === 0 ? records * warmUpShare : records),
          }),
        )
        if (round > 0) rounds[order].push(result)
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
    backlogRecords: records,
    pageCacheMayHoldBacklog,
    orders: orders.map((order) => reportOrder(order, rounds[order])),
  }
}

function reportOrder(order: 'key' | 'none', rounds: readonly BacklogRound[]): OrderReport {
  const appended = rounds.map((round) => round.appendedPerSecond)
  const delivered = rounds.map((round) => round.deliveredPerSecond)
  const ratios = pairedRatio(delivered, appended)
  return {
    order,
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
  const rows = report.orders.map((one) => [
    `order ${one.order}`,
    count(one.appendedPerSecond.median),
    count(one.deliveredPerSecond.median),
    range(one.deliveredPerSecond),
    ratio(one.ratio),
    `at least ${one.goal}`,
    one.reached ? 'reached' : 'not reached',
    milliseconds(one.openMs.median),
  ])
  const head = ['', 'appended/s', 'delivered/s', 'rounds', 'ratio', 'goal', '', 'open']
  return [
    `A backlog of ${count(report.backlogRecords)} records of ${options.payloadBytes} bytes ` +
      `(${megabytes(options.backlogBytes)}, ${count(options.keys)} keys), written, closed, opened ` +
      `again and drained into a target that does nothing; medians of ${counted(options.rounds, 'round')}:`,
    table(head, rows, terminal),
    '',
    report.pageCacheMayHoldBacklog
      ? 'The page cache of this machine may hold the whole backlog: this is reading from memory.'
      : 'The backlog is larger than the free memory: at least a part is read from the disk.',
    provenance(report.machine, report.load),
  ].join('\n')
}
