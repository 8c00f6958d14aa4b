import { inspectDisk } from '../harness/disk.ts'
import { describeMachine, type Load, type Machine, watchLoad } from '../harness/machine.ts'
import { filesBelow, forgetCached } from '../harness/page-cache.ts'
import { inChild } from '../harness/phase.ts'
import { showProgress } from '../harness/progress.ts'
import {
  count,
  counted,
  megabytes,
  milliseconds,
  provenance,
  ratio,
  table,
} from '../harness/report.ts'
import { pairedRatio, type Summary, summarize } from '../harness/statistics.ts'
import { Workspace } from '../harness/workspace.ts'
import { readFiles } from './read-files.ts'
import { type ReadTimes, readPhase } from './read-phase.ts'
import { writePhase } from './write-phase.ts'

export interface OpenOptions {
  /** Where the temporary directory is made. */
  readonly directory: string
  readonly rounds: number
  /** Payload bytes of the log, in all. */
  readonly logBytes: number
  readonly payloadBytes: number
}

export interface OpenReport {
  readonly benchmark: 'open'
  readonly startedAt: string
  readonly options: OpenOptions
  readonly machine: Machine
  readonly load: Load
  readonly records: number
  readonly fileBytes: number
  /** One from the disk, where the system can be told to forget the files, and one from memory. */
  readonly sources: readonly SourceReport[]
}

type Source = 'disk' | 'memory'

export interface SourceReport {
  readonly source: Source
  readonly createMs: Summary
  readonly firstMs: Summary
  /** Until the first record is at the target: `createWal`, `start` and the first read together. */
  readonly openMs: Summary
  readonly openGoalMs: number
  readonly openReached: boolean
  /** Bytes of the files a second, in units of 1,000,000: delivered, and merely read. */
  readonly deliveredMegabytesPerSecond: Summary
  readonly readMegabytesPerSecond: Summary
  /** Delivered over read, round by round. */
  readonly ratio: Summary
  readonly ratioGoal: number
  readonly ratioReached: boolean
  readonly rounds: readonly Round[]
}

interface Round extends ReadTimes {
  readonly bareReadMs: number
}

const openGoalMs = 1000
const ratioGoal = 0.5

/** How long a large log takes to open, and how fast it is read back, against reading its files. */
export async function benchOpen(options: OpenOptions): Promise<OpenReport> {
  using workspace = new Workspace(options.directory)
  const disk = await inspectDisk(options.directory, options.logBytes * 1.5)
  const startedAt = new Date().toISOString()
  const loadMeanwhile = watchLoad()
  const records = Math.ceil(options.logBytes / options.payloadBytes)
  const progress = showProgress(1 + 2 * options.rounds)
  const rounds = { disk: [] as Round[], memory: [] as Round[] }
  let fileBytes = 0
  await workspace
    .use(async (directory) => {
      progress.step(`writing ${counted(records, 'record')}`)
      await inChild(writePhase, { directory, records, payloadBytes: options.payloadBytes })
      const files = await filesBelow(directory)
      for (let round = 1; round <= options.rounds; round += 1) {
        for (const source of ['disk', 'memory'] as const) {
          progress.step(`round ${round}: from ${source}`)
          if (!(await prepare(directory, source))) continue
          const bare = readFiles(files)
          fileBytes = bare.bytes
          await prepare(directory, source)
          const target = `${source}-${round}`
          const times = await inChild(readPhase, { directory, target, records })
          rounds[source].push({ ...times, bareReadMs: bare.ms })
        }
      }
    })
    .finally(() => progress.done())
  return {
    benchmark: 'open',
    startedAt,
    options,
    machine: describeMachine(disk),
    load: loadMeanwhile(),
    records,
    fileBytes,
    sources: (['disk', 'memory'] as const)
      .filter((source) => rounds[source].length > 0)
      .map((source) => reportSource(source, rounds[source], fileBytes)),
  }
}

/** Brings the files into memory, or out of it. False if this system cannot be told to. */
async function prepare(directory: string, source: Source): Promise<boolean> {
  if (source === 'disk') return forgetCached(directory)
  readFiles(await filesBelow(directory))
  return true
}

function reportSource(source: Source, rounds: readonly Round[], fileBytes: number): SourceReport {
  const over = (pick: (round: Round) => number): Summary => summarize(rounds.map(pick))
  const speed = (ms: number): number => fileBytes / 1000 / ms
  const delivered = rounds.map((round) => speed(round.allMs))
  const read = rounds.map((round) => speed(round.bareReadMs))
  const openMs = over((round) => round.createMs + round.firstMs)
  const ratios = pairedRatio(delivered, read)
  return {
    source,
    createMs: over((round) => round.createMs),
    firstMs: over((round) => round.firstMs),
    openMs,
    openGoalMs,
    openReached: openMs.median < openGoalMs,
    deliveredMegabytesPerSecond: summarize(delivered),
    readMegabytesPerSecond: summarize(read),
    ratio: ratios,
    ratioGoal,
    ratioReached: ratios.median >= ratioGoal,
    rounds,
  }
}

/** The report for people. */
export function printOpen(report: OpenReport, terminal: boolean): string {
  const { options, sources } = report
  const opening = sources.map((one) => [
    `from ${one.source}`,
    milliseconds(one.createMs.median),
    milliseconds(one.firstMs.median),
    milliseconds(one.openMs.median),
    `under ${count(one.openGoalMs)} ms`,
    one.openReached ? 'reached' : 'not reached',
  ])
  const reading = sources.map((one) => [
    `from ${one.source}`,
    `${count(one.deliveredMegabytesPerSecond.median)} MB/s`,
    `${count(one.readMegabytesPerSecond.median)} MB/s`,
    ratio(one.ratio),
    `at least ${one.ratioGoal}`,
    one.ratioReached ? 'reached' : 'not reached',
  ])
  return [
    `A log of ${counted(report.records, 'record')} of ${options.payloadBytes} bytes, ` +
      `${megabytes(report.fileBytes)} in files, opened in a new process; ` +
      `medians of ${counted(options.rounds, 'round')}:`,
    table(['', 'createWal', 'start to first', 'together', 'goal', ''], opening, terminal),
    '',
    'All of it delivered to a target that does nothing, against reading its files:',
    table(['', 'delivered', 'files read', 'ratio', 'goal', ''], reading, terminal),
    '',
    ...(sources.some(({ source }) => source === 'disk')
      ? []
      : ['This system cannot be told to forget files, so nothing was read from the disk.']),
    provenance(report.machine, report.load),
  ].join('\n')
}
