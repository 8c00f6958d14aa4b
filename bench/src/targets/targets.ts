import { inspectDisk } from '../harness/disk.ts'
import { describeMachine, type Load, type Machine, watchLoad } from '../harness/machine.ts'
import { showProgress } from '../harness/progress.ts'
import { byteSize, count, counted, provenance, range, ratio, table } from '../harness/report.ts'
import { pairedRatio, type Summary, summarize } from '../harness/statistics.ts'
import { Workspace } from '../harness/workspace.ts'
import { loopByHand, throughWal } from './contest.ts'
import { makeItems } from './items.ts'
import type { BenchStore, Item, Pace } from './store.ts'
import { benchStores } from './stores/index.ts'

/** How the targets are measured. */
export interface TargetsOptions extends Pace {
  /** Where the temporary directory is made. */
  readonly directory: string
  /** Names of the stores; none for all. */
  readonly stores: readonly string[]
  readonly records: number
  readonly payloadBytes: number
  readonly rounds: number
}

/** What the targets came to. */
export interface TargetsReport {
  readonly benchmark: 'targets'
  readonly startedAt: string
  readonly options: TargetsOptions
  readonly machine: Machine
  readonly load: Load
  readonly stores: readonly StoreReport[]
}

/** What one store came to. */
export interface StoreReport {
  readonly store: string
  readonly about: string
  readonly walPerSecond: Summary
  readonly loopPerSecond: Summary
  /** Through the wal over by hand, round by round. */
  readonly ratio: Summary
  readonly goal: number
  readonly reached: boolean
}

const goal = 0.8

/** Applying through the wal, against a loop by hand with the same client, batches and concurrency. */
export async function benchTargets(options: TargetsOptions): Promise<TargetsReport> {
  const stores = chooseStores(options.stores)
  using workspace = new Workspace(options.directory)
  const { records, payloadBytes, rounds } = options
  const disk = await inspectDisk(options.directory, records * payloadBytes * 3)
  const startedAt = new Date().toISOString()
  const loadMeanwhile = watchLoad()
  const items = makeItems(records, payloadBytes)
  const progress = showProgress(stores.length * (rounds + 1) * 2)
  const reports: StoreReport[] = []
  try {
    for (const store of stores) {
      const step = (what: string): void => progress.step(`${store.name}, ${what}`)
      reports.push(await measure(store, items, options, { workspace, step }))
    }
  } finally {
    progress.done()
  }
  const machine = describeMachine(disk)
  const benchmark = 'targets' as const
  return { benchmark, startedAt, options, machine, load: loadMeanwhile(), stores: reports }
}

function chooseStores(names: readonly string[]): readonly BenchStore[] {
  if (names.length === 0) return benchStores
  return names.map((name) => {
    const store = benchStores.find((one) => one.name === name)
    if (store !== undefined) return store
    const known = benchStores.map((one) => one.name).join(', ')
    throw new RangeError(`no store is called ${name}; there are: ${known}`)
  })
}

interface Surroundings {
  readonly workspace: Workspace
  step(what: string): void
}

/** Both sides take turns, each into an empty place. The first turn of each warms up and is dropped. */
async function measure(
  { name, about, open }: BenchStore,
  items: readonly Item[],
  options: TargetsOptions,
  { workspace, step }: Surroundings,
): Promise<StoreReport> {
  const store = await open(options)
  const wal: number[] = []
  const loop: number[] = []
  try {
    for (let round = 0; round <= options.rounds; round += 1) {
      const turn = round === 0 ? 'warm-up' : `round ${round}`
      step(`by hand: ${turn}`)
      const byHand = await loopByHand(await store.round(), items, options)
      step(`through the wal: ${turn}`)
      const place = await store.round()
      const byWal = await workspace.use((directory) => throughWal(place, items, options, directory))
      if (round === 0) continue
      loop.push(byHand.recordsPerSecond)
      wal.push(byWal.recordsPerSecond)
    }
  } finally {
    await store.close()
  }
  const ratios = pairedRatio(wal, loop)
  return {
    ...{ store: name, about, goal, ratio: ratios, reached: ratios.median >= goal },
    ...{ walPerSecond: summarize(wal), loopPerSecond: summarize(loop) },
  }
}

/** The report for people. */
export function printTargets(report: TargetsReport, terminal: boolean): string {
  const { records, payloadBytes, batchRecords, concurrency, rounds } = report.options
  const rows = report.stores.map((one) => [
    one.store,
    count(one.loopPerSecond.median),
    count(one.walPerSecond.median),
    range(one.walPerSecond),
    ratio(one.ratio),
    one.reached ? 'reached' : 'not reached',
  ])
  const head = ['', 'by hand/s', 'through the wal/s', 'rounds', 'ratio', `at least ${goal}`]
  return [
    `${count(records)} records of ${byteSize(payloadBytes)} out of the file log into each store, in batches of ` +
      `${count(batchRecords)}, ${counted(concurrency, 'call')} at once, against a loop by hand with the same client; ` +
      `medians of ${counted(rounds, 'round')}:`,
    table(head, rows, terminal),
    '',
    ...report.stores.map(({ store, about }) => `${store}: ${about}`),
    provenance(report.machine, report.load),
  ].join('\n')
}
