import { mkdir, writeFile } from 'node:fs/promises'
import { dirname } from 'node:path'
import { inspectDisk } from '../harness/disk.ts'
import { describeMachine, type Load, type Machine, watchLoad } from '../harness/machine.ts'
import { inChild } from '../harness/phase.ts'
import { showProgress } from '../harness/progress.ts'
import { count, counted, milliseconds, provenance, table } from '../harness/report.ts'
import { type Summary, summarize } from '../harness/statistics.ts'
import { Workspace } from '../harness/workspace.ts'
import type { BacklogRound } from '../peers/daybook-backlog.ts'
import { backlogPhase } from './backlog-phase.ts'
import { drawGrowth } from './picture.ts'

export interface GrowthOptions {
  /** Where the temporary directory is made. */
  readonly directory: string
  /** How many records a log has, from small to large. */
  readonly records: readonly number[]
  /** Rounds of the largest log; smaller ones get more, as they take less time. */
  readonly rounds: number
  readonly payloadBytes: number
  readonly writers: number
  /** Distinct keys that the records are spread over. */
  readonly keys: number
  /** Where the picture goes; undefined for none. */
  readonly picture: string | undefined
}

export interface GrowthReport {
  readonly benchmark: 'growth'
  readonly startedAt: string
  readonly options: GrowthOptions
  readonly machine: Machine
  readonly load: Load
  readonly sizes: readonly SizeReport[]
  /** Cost in the largest log over that in the smallest: 1 where it does not grow. */
  readonly factors: { readonly write: number; readonly deliver: number }
}

/** A log with so many records. */
export interface SizeReport {
  readonly records: number
  /** From the first write to the last receipt, in microseconds per record. */
  readonly writeUs: Summary
  /** From `start()` until all is applied, in microseconds per record. */
  readonly deliverUs: Summary
  /** `createWal` with all of it undelivered. */
  readonly openMs: Summary
  readonly diskBytesPerRecord: Summary
  readonly rounds: readonly BacklogRound[]
}

/** A log of so many records takes minutes; ten times fewer get this many more rounds, and so on. */
const moreRoundsPerStep = 2

/** What a record takes beyond its payload, roughly, for the room that a run needs. */
const fieldsBytes = 200

/** What a record costs as the log grows: it should be the same in each. */
export async function benchGrowth(options: GrowthOptions): Promise<GrowthReport> {
  using workspace = new Workspace(options.directory)
  const largest = Math.max(...options.records)
  const disk = await inspectDisk(
    options.directory,
    largest * (options.payloadBytes + fieldsBytes) * 1.5,
  )
  const startedAt = new Date().toISOString()
  const loadMeanwhile = watchLoad()
  const turns = takeTurns(options.records, options.rounds)
  const rounds = new Map<number, BacklogRound[]>(options.records.map((records) => [records, []]))
  const progress = showProgress(turns.length)
  try {
    for (const records of turns) {
      progress.step(counted(records, 'record'))
      const round = await workspace.use((directory) =>
        inChild(backlogPhase, { ...options, directory, order: 'key', records }),
      )
      rounds.get(records)?.push(round)
    }
  } finally {
    progress.done()
  }
  const sizes = [...rounds].map(([records, its]) => reportSize(records, its))
  const report: GrowthReport = {
    benchmark: 'growth',
    startedAt,
    options,
    machine: describeMachine(disk),
    load: loadMeanwhile(),
    sizes,
    factors: factorsOf(sizes),
  }
  if (options.picture !== undefined) await writePicture(options.picture, report)
  return report
}

/** The logs to make, those of one size spread over the run rather than in a row. */
function takeTurns(records: readonly number[], rounds: number): readonly number[] {
  const descending = [...records].sort((a, b) => b - a)
  const [largest = 0] = descending
  const roundsOf = (size: number) =>
    rounds + moreRoundsPerStep * Math.round(Math.log10(largest / size))
  return descending
    .flatMap((size) =>
      Array.from({ length: roundsOf(size) }, (_, round) => ({
        size,
        place: (round + 0.5) / roundsOf(size),
      })),
    )
    .sort((a, b) => a.place - b.place)
    .map(({ size }) => size)
}

function reportSize(records: number, rounds: readonly BacklogRound[]): SizeReport {
  const over = (pick: (round: BacklogRound) => number): Summary => summarize(rounds.map(pick))
  return {
    records,
    writeUs: over((round) => 1e6 / round.appendedPerSecond),
    deliverUs: over((round) => 1e6 / round.deliveredPerSecond),
    openMs: over((round) => round.openMs),
    diskBytesPerRecord: over((round) => round.diskBytes / records),
    rounds,
  }
}

function factorsOf(sizes: readonly SizeReport[]): GrowthReport['factors'] {
  const ascending = sizes.toSorted((a, b) => a.records - b.records)
  const [smallest, largest] = [ascending[0], ascending.at(-1)]
  if (smallest === undefined || largest === undefined) throw new RangeError('no sizes were given')
  return {
    write: largest.writeUs.median / smallest.writeUs.median,
    deliver: largest.deliverUs.median / smallest.deliverUs.median,
  }
}

async function writePicture(path: string, report: GrowthReport): Promise<void> {
  await mkdir(dirname(path), { recursive: true })
  await writeFile(path, drawGrowth(report.sizes))
}

/** The report for people. */
export function printGrowth(report: GrowthReport, terminal: boolean): string {
  const { options, factors } = report
  const rows = report.sizes.map((one) => [
    count(one.records),
    microseconds(one.writeUs),
    microseconds(one.deliverUs),
    milliseconds(one.openMs.median),
    count(one.diskBytesPerRecord.median),
    count(one.rounds.length),
  ])
  return [
    `The cost of a record of ${options.payloadBytes} bytes in logs of different lengths, ` +
      `${counted(options.writers, 'writer')}, ${count(options.keys)} keys, each log in a process of its own:`,
    table(['records', 'written', 'delivered', 'open', 'bytes each', 'rounds'], rows, terminal),
    '',
    `From the smallest to the largest log a write costs ${factors.write.toFixed(2)} times as much, ` +
      `a delivery ${factors.deliver.toFixed(2)} times.`,
    ...(options.picture === undefined ? [] : [`Drawn in ${options.picture}.`]),
    '',
    provenance(report.machine, report.load),
  ].join('\n')
}

/** `2.51 µs (2.44 to 2.60)` */
function microseconds({ median, min, max }: Summary): string {
  return `${median.toFixed(2)} µs (${min.toFixed(2)} to ${max.toFixed(2)})`
}
