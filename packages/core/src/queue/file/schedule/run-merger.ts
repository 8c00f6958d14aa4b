import { isWalError, WalError } from '../../../errors.ts'
import { mergeTables } from './merge-runs.ts'
import { isDamage, type Rows } from './run-format.ts'
import type { RunQueue } from './run-queue.ts'
import type { RunTables } from './run-writer.ts'

export interface RunMergerOptions {
  /** About how many records a run has that was not merged from others. */
  readonly runRecords: number
  /** The runs there are now. */
  queues(): readonly RunQueue[]
  isDone(sequence: number): boolean
  /** Writes a run, and puts it where these were. */
  replace(inputs: readonly RunQueue[], tables: RunTables): Promise<void>
  /** These cannot be merged, for one of them is damaged. Not called for runs that were given up. */
  damaged(error: WalError, inputs: readonly RunQueue[]): Promise<void>
  reportError(error: WalError): void
}

/** So many runs of about one size are merged into one of the next. */
const mergeWidth = 8

/** Merges runs in the background, so that there are never many to take from. */
export class RunMerger {
  readonly #options: RunMergerOptions
  readonly #inputs = new Set<RunQueue>()
  readonly #merges = new Set<Promise<void>>()
  #failing = false
  #closing = false

  constructor(options: RunMergerOptions) {
    this.#options = options
  }

  /** True while the run is being merged into another. */
  isMerging(queue: RunQueue): boolean {
    return this.#inputs.has(queue)
  }

  /** Begins every merge that is due: one of each size at a time. */
  mergeSoon(): void {
    if (this.#closing) return
    const busy = new Set([...this.#inputs].map((queue) => this.#sizeOf(queue)))
    const queues = this.#options.queues()
    for (const size of new Set(queues.map((queue) => this.#sizeOf(queue)))) {
      const ofSize = queues.filter((queue) => this.#sizeOf(queue) === size)
      if (ofSize.length < mergeWidth || busy.has(size)) continue
      const merge = this.#merge(ofSize.slice(0, mergeWidth))
      this.#merges.add(merge)
      void merge.finally(() => this.#merges.delete(merge))
    }
  }

  /** A merge that is not over is made again after the next opening. */
  async close(): Promise<void> {
    this.#closing = true
    await Promise.all(this.#merges)
  }

  /** 0 for a run as it is written at first, one more for each `mergeWidth` times of that. */
  #sizeOf({ run, floor }: RunQueue): number {
    const left = Math.max(1, run.byTime.rows - run.byTime.rowAt(floor))
    const times = left / this.#options.runRecords
    return Math.max(0, Math.round(Math.log(times) / Math.log(mergeWidth)))
  }

  async #merge(inputs: readonly RunQueue[]): Promise<void> {
    for (const input of inputs) this.#inputs.add(input)
    const runs = inputs.map(({ run }) => run)
    try {
      await this.#options.replace(inputs, {
        byTime: this.#merged(runs.map(({ byTime }) => byTime)),
        byId: () => this.#merged(runs.map(({ byId }) => byId)),
      })
      this.#failing = false
    } catch (error) {
      await this.#failed(error, inputs)
    }
    for (const input of inputs) this.#inputs.delete(input)
    if (!this.#failing) this.mergeSoon()
  }

  async *#merged(tables: Parameters<typeof mergeTables>[0]): AsyncGenerator<Rows> {
    const isWanted = (sequence: number): boolean => !this.#options.isDone(sequence)
    for await (const batch of mergeTables(tables, isWanted)) {
      if (this.#closing) throw new WalError('ERR_CLOSED', 'The schedule is being closed.')
      yield batch
    }
  }

  /** Without it there are more runs to take from, no more. Tried again once a run is added. */
  async #failed(error: unknown, inputs: readonly RunQueue[]): Promise<void> {
    const queues = this.#options.queues()
    // Of runs that were given up meanwhile, the files are closed.
    if (this.#closing || !inputs.every((input) => queues.includes(input))) return
    if (isDamage(error)) return this.#options.damaged(error, inputs)
    const isNew = !this.#failing
    this.#failing = true
    if (isNew && isWalError(error)) this.#options.reportError(error)
  }
}
