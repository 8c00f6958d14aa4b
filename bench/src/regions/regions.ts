import { mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import { inspectDisk } from '../harness/disk.ts'
import { describeMachine, type Load, type Machine, watchLoad } from '../harness/machine.ts'
import { inChild, type Phase } from '../harness/phase.ts'
import { showProgress } from '../harness/progress.ts'
import {
  count,
  counted,
  milliseconds,
  percent,
  provenance,
  ratio,
  table,
} from '../harness/report.ts'
import { pairedRatio, quantile, type Summary, summarize } from '../harness/statistics.ts'
import { Workspace } from '../harness/workspace.ts'
import { barePhase } from './bare-phase.ts'
import { missingArrivals, type RegionTask, type RegionTimes } from './region.ts'
import { walPhase } from './wal-phase.ts'

export interface RegionsOptions {
  /** Where the temporary directory is made. */
  readonly directory: string
  readonly rounds: number
  /** Measured seconds of each round; a quarter as much goes before it unmeasured. */
  readonly seconds: number
  readonly regions: number
  /** That each region writes in turn, the same in all. */
  readonly keys: number
  readonly payloadBytes: number
  /** In all regions together. */
  readonly writesPerSecond: number
}

/** What one side came to in one round: all regions together. */
interface Turn {
  readonly durableP50Ms: number
  readonly durableP99Ms: number
  readonly lagP50Ms: number
  readonly lagP99Ms: number
  /** Cores that the busiest region's process took while it wrote. */
  readonly cores: number
  /** Processor time of all regions for each write, in µs: written, applied and sent there, taken and applied elsewhere. */
  readonly cpuMicros: number
}

/** A side over its rounds. */
export type RegionsSide = { readonly [K in keyof Turn]: Summary }

export interface RegionsReport {
  readonly benchmark: 'regions'
  readonly startedAt: string
  readonly options: RegionsOptions
  readonly machine: Machine
  readonly load: Load
  readonly wal: RegionsSide
  readonly bare: RegionsSide
  /** Ours over the bare hop's lag, round by round. */
  readonly ratio: { readonly p50: Summary; readonly p99: Summary }
}

const sides = { wal: walPhase, bare: barePhase } as const
type Side = keyof typeof sides

/** How long a write takes to be applied in every other region, against the bare hop. */
export async function benchRegions(options: RegionsOptions): Promise<RegionsReport> {
  using workspace = new Workspace(options.directory)
  const roundMs = options.seconds * 1250
  const records = (options.writesPerSecond * roundMs) / 1000
  const neededBytes = records * (options.payloadBytes + 512) * options.regions * 2
  const disk = await inspectDisk(options.directory, neededBytes)
  const startedAt = new Date().toISOString()
  const loadMeanwhile = watchLoad()
  const progress = showProgress(2 * options.rounds)
  const turns: Record<Side, Turn[]> = { wal: [], bare: [] }
  try {
    for (let round = 1; round <= options.rounds; round++) {
      for (const side of ['wal', 'bare'] as const) {
        progress.step(`round ${round}: ${side === 'wal' ? 'daybook' : 'bare hop'}`)
        turns[side].push(
          await workspace.use((directory) => takeTurn(sides[side], options, directory)),
        )
      }
    }
  } finally {
    progress.done()
  }
  const lags = (side: Side, which: 'lagP50Ms' | 'lagP99Ms') => turns[side].map((one) => one[which])
  return {
    benchmark: 'regions',
    startedAt,
    options,
    machine: describeMachine(disk),
    load: loadMeanwhile(),
    wal: sideOf(turns.wal),
    bare: sideOf(turns.bare),
    ratio: {
      p50: pairedRatio(lags('wal', 'lagP50Ms'), lags('bare', 'lagP50Ms')),
      p99: pairedRatio(lags('wal', 'lagP99Ms'), lags('bare', 'lagP99Ms')),
    },
  }
}

/** Every region in a process of its own, at the same time. */
async function takeTurn(
  side: Phase<RegionTask, RegionTimes>,
  { regions, keys, payloadBytes, writesPerSecond, seconds }: RegionsOptions,
  directory: string,
): Promise<Turn> {
  const names = Array.from({ length: regions }, (_, at) => `region-${at + 1}`)
  const times = await Promise.all(
    names.map(async (name) => {
      const own = join(directory, name)
      await mkdir(own)
      return inChild(side, {
        ...{ name, names, directory: own, meetingPlace: directory, payloadBytes, keys },
        perSecond: writesPerSecond / regions,
        durationMs: seconds * 1250,
        warmUpMs: seconds * 250,
      })
    }),
  )
  const wrong = missingArrivals(times)
  if (wrong !== undefined) throw new Error(wrong)
  const [durableP50Ms, durableP99Ms] = quantilesOf(times.map(({ durableMs }) => durableMs))
  const [lagP50Ms, lagP99Ms] = quantilesOf(times.map(({ lagMs }) => lagMs))
  const cpuMs = times.map((one) => one.cpuMs)
  const cores = Math.max(...cpuMs) / (seconds * 1250)
  const written = times.reduce((sum, one) => sum + one.written, 0)
  const cpuMicros = (cpuMs.reduce((sum, ms) => sum + ms, 0) * 1000) / written
  return { durableP50Ms, durableP99Ms, lagP50Ms, lagP99Ms, cores, cpuMicros }
}

function quantilesOf(lists: readonly Float64Array[]): [p50: number, p99: number] {
  const all = new Float64Array(lists.reduce((sum, { length }) => sum + length, 0))
  let at = 0
  for (const list of lists) {
    all.set(list, at)
    at += list.length
  }
  all.sort()
  return [quantile(all, 0.5), quantile(all, 0.99)]
}

function sideOf(turns: readonly Turn[]): RegionsSide {
  const over = (of: (turn: Turn) => number): Summary => summarize(turns.map(of))
  return {
    durableP50Ms: over((turn) => turn.durableP50Ms),
    durableP99Ms: over((turn) => turn.durableP99Ms),
    lagP50Ms: over((turn) => turn.lagP50Ms),
    lagP99Ms: over((turn) => turn.lagP99Ms),
    cores: over((turn) => turn.cores),
    cpuMicros: over((turn) => turn.cpuMicros),
  }
}

/** The report for people. */
export function printRegions(report: RegionsReport, terminal: boolean): string {
  const { options } = report
  const rows = (['wal', 'bare'] as const).map((name) => {
    const side = report[name]
    return [
      name === 'wal' ? 'daybook' : 'bare hop',
      milliseconds(side.lagP50Ms.median),
      milliseconds(side.lagP99Ms.median),
      `${milliseconds(side.lagP99Ms.min)} to ${milliseconds(side.lagP99Ms.max)}`,
      milliseconds(side.durableP50Ms.median),
      milliseconds(side.durableP99Ms.median),
      percent(side.cores.median),
      count(Math.round(side.cpuMicros.median)),
    ]
  })
  const head = [
    '',
    'lag p50',
    'lag p99',
    'rounds',
    'durable p50',
    'durable p99',
    'of a core',
    'µs a write',
  ]
  return [
    `${count(options.writesPerSecond)} writes a second of ${counted(options.payloadBytes, 'byte')} in ` +
      `${counted(options.regions, 'region')} together, over ${counted(options.keys, 'key')}, each a process with a log on the disk; ` +
      `medians of ${counted(options.rounds, 'round')} of ${options.seconds} s:`,
    table(head, rows, terminal),
    '',
    `Lag over that of the bare hop: p50 ${ratio(report.ratio.p50)}, p99 ${ratio(report.ratio.p99)}.`,
    provenance(report.machine, report.load),
  ].join('\n')
}
