import { inspectDisk } from '../harness/disk.ts'
import { describeMachine, type Load, type Machine, watchLoad } from '../harness/machine.ts'
import { inChild } from '../harness/phase.ts'
import { showProgress } from '../harness/progress.ts'
import { count, milliseconds, provenance, table } from '../harness/report.ts'
import { Workspace } from '../harness/workspace.ts'
import { type BusyResult, busyPhase } from './busy-phase.ts'
import { type IdleResult, idlePhase } from './idle-phase.ts'

export interface NamespacesOptions {
  /** Where the temporary directory is made. */
  readonly directory: string
  readonly namespaces: number
  /** How long the idle ones are watched, and the busy ones write. */
  readonly seconds: number
  readonly payloadBytes: number
}

export interface NamespacesReport {
  readonly benchmark: 'namespaces'
  readonly startedAt: string
  readonly options: NamespacesOptions
  readonly machine: Machine
  readonly load: Load
  readonly idle: readonly (IdleResult & { readonly state: string })[]
  readonly busy: readonly (BusyResult & { readonly what: string })[]
  readonly memoryGoalBytes: number
}

/** Of an idle namespace, beyond what the process holds without it. */
const memoryGoalBytes = 100_000

/** Room for a namespace's files: zeros are written ahead of each log's first record. */
const bytesPerNamespace = 3 * 1024 * 1024

/** What a namespace costs where there are many in one process, with nothing to do or busy. */
export async function benchNamespaces(options: NamespacesOptions): Promise<NamespacesReport> {
  using workspace = new Workspace(options.directory)
  const disk = await inspectDisk(options.directory, options.namespaces * bytesPerNamespace)
  const startedAt = new Date().toISOString()
  const loadMeanwhile = watchLoad()
  const { namespaces, seconds, payloadBytes } = options
  const busyCases = [
    { what: '1 with 256 writers', namespaces: 1, writers: 256, restMs: 0 },
    { what: '16 with 16 writers each', namespaces: 16, writers: 16, restMs: 0 },
    { what: '256 with 1 writer each', namespaces: 256, writers: 1, restMs: 0 },
    { what: `${namespaces}, each a write a second`, namespaces, writers: 1, restMs: 1000 },
  ]
  const progress = showProgress(2 + busyCases.length)
  const idle: (IdleResult & { readonly state: string })[] = []
  const busy: (BusyResult & { readonly what: string })[] = []
  try {
    for (const written of [false, true]) {
      const state = written ? 'written to once' : 'new'
      progress.step(`idle: ${state}`)
      const task = { namespaces, written, idleSeconds: seconds }
      const result = await workspace.use((directory) => inChild(idlePhase, { ...task, directory }))
      idle.push({ state, ...result })
    }
    for (const { what, ...task } of busyCases) {
      progress.step(`busy: ${what}`)
      const result = await workspace.use((directory) =>
        inChild(busyPhase, { ...task, directory, payloadBytes, seconds }),
      )
      busy.push({ what, ...result })
    }
  } finally {
    progress.done()
  }
  const machine = describeMachine(disk)
  const load = loadMeanwhile()
  return {
    benchmark: 'namespaces',
    startedAt,
    options,
    machine,
    load,
    idle,
    busy,
    memoryGoalBytes,
  }
}

/** The report for people. */
export function printNamespaces(report: NamespacesReport, terminal: boolean): string {
  const { namespaces, payloadBytes } = report.options
  const each = (bytes: number): string => `${count(bytes / namespaces / 1000)} kB`
  const idle = report.idle.map((one) => {
    const held = one.memory.heapBytes + one.memory.buffersBytes
    return [
      one.state,
      milliseconds(one.openMs),
      milliseconds(one.startMs),
      milliseconds(one.closeMs),
      each(held),
      each(one.memory.rssBytes),
      held / namespaces <= report.memoryGoalBytes ? 'reached' : 'not reached',
      one.handles === undefined ? '-' : count(one.handles),
      milliseconds(one.idleCpuMsPerSecond),
      milliseconds(one.emptyCpuMsPerSecond),
    ]
  })
  const idleHead = ['', 'open', 'start', 'close', 'held', 'resident', '', 'handles', 'CPU', 'empty']
  const busy = report.busy.map((one) => [
    one.what,
    count(one.recordsPerSecond),
    milliseconds(one.p50Ms),
    milliseconds(one.p99Ms),
  ])
  return [
    `${count(namespaces)} namespaces with one target each in one process, with nothing to do. ` +
      'Memory is that of one namespace ' +
      `(goal: at most ${count(report.memoryGoalBytes / 1000)} kB held), handles are all of them, ` +
      'CPU is processor time in a second of idling, beside that of the same process without a wal:',
    table(idleHead, idle, terminal),
    '',
    `Records of ${payloadBytes} bytes, durable, in several namespaces at the same time:`,
    table(['', 'records/s', 'p50', 'p99'], busy, terminal),
    '',
    provenance(report.machine, report.load),
  ].join('\n')
}
