import { inspectDisk } from '../harness/disk.ts'
import { describeMachine, type Load, type Machine, watchLoad } from '../harness/machine.ts'
import { growth, type Memory } from '../harness/memory.ts'
import { forgetCached } from '../harness/page-cache.ts'
import { inChild } from '../harness/phase.ts'
import { showProgress } from '../harness/progress.ts'
import {
  count,
  counted,
  megabytes,
  percent,
  provenance,
  seconds,
  table,
} from '../harness/report.ts'
import { Workspace } from '../harness/workspace.ts'
import { type FillResult, fillPhase } from './fill-phase.ts'
import { idlePhase } from './idle-phase.ts'
import { type LatenessResult, type LatenessTask, latenessPhase } from './lateness-phase.ts'
import { type PendingResult, pendingPhase } from './pending-phase.ts'

export interface DelayOptions extends Omit<LatenessTask, 'directory'> {
  /** Where the temporary directory is made. */
  readonly directory: string
  /** Records that are pending all the while. */
  readonly records: number
}

export interface DelayReport {
  readonly benchmark: 'delay'
  readonly startedAt: string
  readonly options: DelayOptions
  readonly machine: Machine
  readonly load: Load
  /** A process with the same wal and next to nothing in it: what the others are held against. */
  readonly idle: Memory
  readonly fill: FillResult
  /** What the process that wrote all of it holds more than the idle one. */
  readonly fillGrowth: Memory
  readonly pending: PendingResult
  /** What a process that opened the log with all of it pending holds more than the idle one. */
  readonly pendingGrowth: Memory
  readonly lateness: LatenessResult
  readonly goals: readonly DelayGoal[]
}

export interface DelayGoal {
  readonly what: string
  readonly measured: string
  readonly goal: string
  readonly reached: boolean
}

const goals = { growthBytes: 150e6, openMs: 2000, p99Ms: 100, early: 0 }

/** What a pending record takes on disk beyond its payload, roughly, for the room that a run needs. */
const fieldsBytes = 300

/** Ten million delayed records: what they cost while they wait, and how late they come. */
export async function benchDelay(options: DelayOptions): Promise<DelayReport> {
  using workspace = new Workspace(options.directory)
  const room = options.records * (options.payloadBytes + fieldsBytes) * 2
  const disk = await inspectDisk(options.directory, room)
  const startedAt = new Date().toISOString()
  const loadMeanwhile = watchLoad()
  const progress = showProgress(4)
  try {
    progress.step('an idle wal')
    const idle = await workspace.use((directory) => inChild(idlePhase, { ...options, directory }))
    const measured = await workspace.use(async (directory) => {
      const task = { ...options, directory }
      progress.step(`writing ${counted(options.records, 'delayed record')}`)
      const fill = await inChild(fillPhase, task)
      progress.step('opening with all of them pending')
      await forgetCached(directory)
      const pending = await inChild(pendingPhase, task)
      progress.step(`${count(options.duePerSecond)} a second fall due`)
      const lateness = await inChild(latenessPhase, task)
      return { fill, pending, lateness }
    })
    const fillGrowth = growth(idle, measured.fill.memory)
    const pendingGrowth = growth(idle, measured.pending.memory)
    return {
      benchmark: 'delay',
      startedAt,
      options,
      machine: describeMachine(disk),
      load: loadMeanwhile(),
      idle,
      ...measured,
      fillGrowth,
      pendingGrowth,
      goals: judge({ ...measured, fillGrowth, pendingGrowth }),
    }
  } finally {
    progress.done()
  }
}

function judge(
  figures: Pick<DelayReport, 'fillGrowth' | 'pending' | 'pendingGrowth' | 'lateness'>,
): DelayGoal[] {
  const { fillGrowth, pending, pendingGrowth, lateness } = figures
  const memory = (what: string, { rssBytes }: Memory): DelayGoal => ({
    what,
    measured: megabytes(rssBytes),
    goal: `under ${megabytes(goals.growthBytes)}`,
    reached: rssBytes < goals.growthBytes,
  })
  return [
    memory('memory growth where they were written', fillGrowth),
    memory('memory growth where they were opened', pendingGrowth),
    {
      what: 'open with all of them pending',
      measured: seconds(pending.openMs),
      goal: `under ${seconds(goals.openMs)}`,
      reached: pending.openMs < goals.openMs,
    },
    {
      what: 'lateness, p99',
      measured: `${count(lateness.p99Ms)} ms`,
      goal: `under ${goals.p99Ms} ms`,
      reached: lateness.p99Ms < goals.p99Ms,
    },
    {
      what: 'records that came early',
      measured: count(lateness.early),
      goal: 'none',
      reached: lateness.early === goals.early,
    },
  ]
}

/** The report for people. */
export function printDelay(report: DelayReport, terminal: boolean): string {
  const { options, fill, pending, lateness } = report
  const memory = [
    ['idle', report.idle],
    ['after writing, more than idle', report.fillGrowth],
    ['after opening, more than idle', report.pendingGrowth],
  ] as const
  const memoryRows = memory.map(([name, { rssBytes, heapBytes, buffersBytes }]) => [
    name,
    megabytes(rssBytes),
    megabytes(heapBytes),
    megabytes(buffersBytes),
  ])
  const goalRows = report.goals.map((one) => [
    one.what,
    one.measured,
    one.goal,
    one.reached ? 'reached' : 'not reached',
  ])
  return [
    `${counted(options.records, 'delayed record')} of ${options.payloadBytes} bytes pending, due in no order within thirty days:`,
    table(['', 'measured', 'goal', ''], goalRows, terminal),
    '',
    table(['memory', 'resident', 'heap', 'buffers'], memoryRows, terminal),
    '',
    `Written in ${seconds(fill.writeMs)} (${count((options.records / fill.writeMs) * 1000)} a second) ` +
      `and all scheduled ${seconds(fill.catchUpMs)} later, with at most ${megabytes(fill.peakRssBytes)} resident; ` +
      `closed in ${seconds(fill.closeMs)}. All known ${seconds(pending.knownMs)} after opening again.`,
    `${count(options.duePerSecond)} a second fell due for ${options.seconds} s while ` +
      `${counted(lateness.written, 'record')} without a delay were written: lateness p50 ${count(lateness.p50Ms)} ms, ` +
      `p99 ${count(lateness.p99Ms)} ms, at most ${count(lateness.maxMs)} ms; event loop ${percent(lateness.loopBusy)} busy.`,
    '',
    provenance(report.machine, report.load),
  ].join('\n')
}
