import { createWal, multiPartitionMutation, type Target } from '@daybook/core'
import { inspectDisk } from '../harness/disk.ts'
import { describeMachine, type Load, type Machine, watchLoad } from '../harness/machine.ts'
import { showProgress } from '../harness/progress.ts'
import { count, counted, provenance, range, ratio, table } from '../harness/report.ts'
import { pairedRatio, type Summary, summarize } from '../harness/statistics.ts'
import { Workspace } from '../harness/workspace.ts'

export interface TransactionOptions {
  /** Where the temporary directory is made. */
  readonly directory: string
  readonly rounds: number
  readonly payloadBytes: number
  /** Mutations of each side in each round. */
  readonly mutations: number
  /** Mutations of one transaction. */
  readonly size: number
  /** Transactions, or as many times `size` writes, under way at once. */
  readonly concurrency: number
}

export interface TransactionReport {
  readonly benchmark: 'transaction'
  readonly startedAt: string
  readonly options: TransactionOptions
  readonly machine: Machine
  readonly load: Load
  /** Plain writes, from the first call until the last of them is applied. */
  readonly writesPerSecond: Summary
  /** The same in transactions, at a target that applies one mutation at a time, as the targets of stores do. */
  readonly oneByOne: TransactionSide
  /** At one that takes a batch, as it applies in order: the function, queue or store of somebody's own that says so. */
  readonly inBatches: TransactionSide
  readonly goal: number
}

export interface TransactionSide {
  readonly mutationsPerSecond: Summary
  /** Mutations in transactions over plain writes a second, round by round. */
  readonly ratio: Summary
  readonly reached: boolean
}

const goal = 0.5

const sides = ['writes', 'oneByOne', 'inBatches'] as const
type Side = (typeof sides)[number]

/** The same mutations in transactions, and as plain writes: durable and applied. */
export async function benchTransaction(options: TransactionOptions): Promise<TransactionReport> {
  using workspace = new Workspace(options.directory)
  const disk = await inspectDisk(options.directory, options.mutations * options.payloadBytes * 4)
  const startedAt = new Date().toISOString()
  const loadMeanwhile = watchLoad()
  const progress = showProgress(sides.length * (options.rounds + 1))
  const rates = { writes: [], oneByOne: [], inBatches: [] } as Record<Side, number[]>
  try {
    for (let round = 0; round <= options.rounds; round++) {
      for (const side of sides) {
        progress.step(`${round === 0 ? 'warm-up' : `round ${round}`}: ${side}`)
        const rate = await workspace.use((directory) => runSide(side, { ...options, directory }))
        if (round > 0) rates[side].push(rate)
      }
    }
  } finally {
    progress.done()
  }
  return {
    benchmark: 'transaction',
    startedAt,
    options,
    machine: describeMachine(disk),
    load: loadMeanwhile(),
    writesPerSecond: summarize(rates.writes),
    oneByOne: sideOf(rates.oneByOne, rates.writes),
    inBatches: sideOf(rates.inBatches, rates.writes),
    goal,
  }
}

function sideOf(mutations: readonly number[], writes: readonly number[]): TransactionSide {
  const ratios = pairedRatio(mutations, writes)
  const reached = ratios.median >= goal
  return { mutationsPerSecond: summarize(mutations), ratio: ratios, reached }
}

async function runSide(
  side: Side,
  { directory, mutations, size, concurrency, payloadBytes }: TransactionOptions,
): Promise<number> {
  // Plain writes have a key each, so that it makes no difference to them.
  const appliesInOrder = side === 'inBatches'
  const nothing: Target = { idempotency: 'version', appliesInOrder, async apply() {} }
  await using wal = await createWal({
    directory,
    namespaces: { rows: multiPartitionMutation({ targets: { base: nothing } }) },
  })
  const rows = wal.namespace('rows')
  const payload = 'x'.repeat(payloadBytes)
  const lots = Math.ceil(mutations / size)
  await wal.start()
  const started = performance.now()
  let next = 0
  const worker = async (): Promise<void> => {
    while (next < lots) {
      const lot = next++
      const keys = Array.from({ length: size }, (_, at) => `${lot}-${at}`)
      if (side === 'writes') await Promise.all(keys.map((key) => rows.write({ key, payload })))
      else {
        await rows.transaction(async (tx) => {
          for (const key of keys) await tx.put('base', { key, payload })
        })
      }
    }
  }
  await Promise.all(Array.from({ length: concurrency }, worker))
  await wal.drain()
  return (lots * size) / ((performance.now() - started) / 1000)
}

/** The report for people. */
export function printTransaction(report: TransactionReport, terminal: boolean): string {
  const { options, writesPerSecond, oneByOne, inBatches } = report
  const size = counted(options.size, 'mutation')
  const row = (name: string, { mutationsPerSecond, ratio: ratios, reached }: TransactionSide) => [
    name,
    count(mutationsPerSecond.median),
    range(mutationsPerSecond),
    ratio(ratios),
    reached ? 'reached' : 'not reached',
  ]
  const rows = [
    ['plain writes', count(writesPerSecond.median), range(writesPerSecond), '', ''],
    row(`transactions of ${size}, applied one by one`, oneByOne),
    row(`transactions of ${size}, applied in batches`, inBatches),
  ]
  const head = ['', 'mutations/s', 'rounds', 'ratio', `at least ${goal}`]
  return [
    `${counted(options.mutations, 'mutation')} of ${counted(options.payloadBytes, 'byte')}, until the last is applied; ` +
      `medians of ${counted(options.rounds, 'round')}:`,
    table(head, rows, terminal),
    '',
    provenance(report.machine, report.load),
  ].join('\n')
}
