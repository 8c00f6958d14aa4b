import type { WalError } from '../../../errors.ts'
import type { SequenceRange } from '../cursor-acked.ts'
import type { MemoryTables } from './memory-tables.ts'
import type { Run } from './run.ts'
import { RunFiles, type RunFilesOptions } from './run-files.ts'
import { rowNumbers } from './run-format.ts'
import { RunMerger } from './run-merger.ts'
import { type RunPlace, RunQueue } from './run-queue.ts'
import type { NewRun, RunTables } from './run-writer.ts'

export interface ScheduleRunsOptions extends RunFilesOptions {
  /** About how many records a run has that was not merged from others. */
  readonly runRecords: number
  reportError(error: WalError): void
  /** A merge came upon a run that cannot be used. Called `exclusively`. */
  damaged(error: WalError): Promise<void>
  /** Runs it while nobody takes from the runs, nor counts or looks in them. */
  exclusively<T>(run: () => Promise<T>): Promise<T>
}

/** A record that was done with before its time. */
export interface GoneRecord {
  readonly at: number
  readonly sequence: number
}

/** What goes with a new run. */
interface RunChange {
  /** The runs whose place it takes. */
  readonly inputs: readonly RunQueue[]
  /** Sequences that were in no run before. */
  readonly sequences: readonly SequenceRange[]
  onAdded(): void
}

/** Blocks that are done with before the cursor is told so. */
const floorStep = 8

/**
 * The runs of one target's schedule. The cursor is their list: a run is complete and synced, its
 * name too, before the cursor names it, and one the cursor no longer names is removed only once
 * that is synced. So after a crash every run that is named is there; others are left-overs.
 */
export class ScheduleRuns {
  readonly #options: ScheduleRunsOptions
  readonly #files: RunFiles
  readonly #merger: RunMerger
  #queues: readonly RunQueue[] = []
  /** Done with before their time while a run was being written that may have them. */
  #goneMeanwhile: GoneRecord[] = []
  #writing = 0

  constructor(options: ScheduleRunsOptions) {
    this.#options = options
    this.#files = new RunFiles(options)
    this.#merger = new RunMerger({
      ...options,
      queues: () => this.#queues,
      isDone: (sequence) => options.cursor.isDone(sequence),
      replace: (inputs, tables) =>
        this.#noting(() => this.#write(tables, { inputs, sequences: [], onAdded: () => {} })),
      damaged: (error, inputs) =>
        options.exclusively(async () => {
          if (this.#hasAll(inputs)) await options.damaged(error)
        }),
    })
  }

  /**
   * Opens the runs the cursor names, and removes others of its target. Rejects with
   * `ERR_CORRUPT_LOG` if one is missing or damaged; `drop` then.
   */
  async open(): Promise<void> {
    await this.#files.removeLeftOvers()
    const queues: RunQueue[] = []
    try {
      for (const [number, { salt, floor }] of this.#options.cursor.runs) {
        queues.push(new RunQueue(await this.#files.open({ number, salt }), floor))
      }
    } catch (error) {
      for (const { run } of queues) await run.close().catch(() => {})
      throw error
    }
    this.#queues = queues
  }

  get queues(): readonly RunQueue[] {
    return this.#queues
  }

  /**
   * Writes a run of what is in memory, and puts it beside the others; calls back in the moment in
   * which the records are to be had from there, or are all done with.
   */
  async add(fromMemory: () => Promise<MemoryTables>, onAdded: () => void): Promise<void> {
    await this.#noting(async () => {
      const { byTime, byId, sequences } = await fromMemory()
      const tables = { byTime: [byTime], byId: () => [byId] }
      if (byTime.length === 0) onAdded()
      else await this.#write(tables, { inputs: [], sequences, onAdded })
    })
    this.#merger.mergeSoon()
  }

  /** A record come past at this place is done with. */
  settle({ queue, block }: RunPlace): void {
    queue.settle(block)
    if (!this.#queues.includes(queue)) return
    const { number } = queue.run
    const { floor } = queue
    const known = this.#options.cursor.runs.get(number)?.floor ?? 0
    if (floor < known + floorStep) return
    this.#options.cursor.reschedule((to) => to.floorRaised(number, floor))
  }

  /** Tells the cursor that a record is done with that was not come past. Only `exclusively`. */
  async gone({ at, sequence }: GoneRecord): Promise<void> {
    const places: { readonly number: number; readonly block: number }[] = []
    if (this.#writing > 0) this.#goneMeanwhile.push({ at, sequence })
    for (const queue of this.#queues) {
      const place = await placeOf(queue.run, { at, sequence })
      if (!place || place.row < queue.position) continue
      places.push({ number: queue.run.number, block: place.block })
    }
    const { cursor } = this.#options
    cursor.ack(sequence)
    cursor.reschedule((to) => {
      for (const { number, block } of places) to.gone(number, block, 1)
    })
  }

  /** Gives up runs that are done with. Only `exclusively`. */
  async removeDone(): Promise<void> {
    const done = this.#queues.filter((queue) => queue.isDone && !this.#merger.isMerging(queue))
    if (done.length === 0) return
    this.#options.cursor.reschedule((to) => {
      for (const { run } of done) to.runRemoved(run.number)
    })
    await this.#giveUp(done)
  }

  /** Gives up all runs: the log is the truth. Only `exclusively`. */
  async drop(): Promise<void> {
    const { cursor } = this.#options
    const paths = [...cursor.runs].map(([number, { salt }]) => this.#files.pathOf({ number, salt }))
    cursor.reschedule((to) => to.scheduleDropped())
    await this.#giveUp(this.#queues)
    this.#files.remove(...paths)
  }

  async close(): Promise<void> {
    await this.#merger.close()
    const { cursor } = this.#options
    for (const { run, floor } of this.#queues) {
      if (floor === (cursor.runs.get(run.number)?.floor ?? 0)) continue
      cursor.reschedule((to) => to.floorRaised(run.number, floor))
    }
    await this.#files.settle()
    for (const { run } of this.#queues) await run.close().catch(() => {})
  }

  /** Makes a run, and puts it where others were. Without rows there will be none. */
  async #write(tables: RunTables, change: RunChange): Promise<void> {
    const { name, run } = await this.#files.write(tables)
    await this.#options.exclusively(() => this.#install(name, run, change))
  }

  /** What is done with before its time meanwhile is counted in the run that this adds. */
  async #noting(add: () => Promise<void>): Promise<void> {
    this.#writing++
    try {
      await add()
    } finally {
      this.#writing--
      if (this.#writing === 0) this.#goneMeanwhile = []
    }
  }

  async #install(
    { number, salt, path }: NewRun,
    run: Run | undefined,
    { inputs, sequences, onAdded }: RunChange,
  ): Promise<void> {
    if (!this.#hasAll(inputs)) {
      // They were dropped meanwhile, and what is in them is read from the log.
      await run?.close()
      this.#files.remove(path)
      return
    }
    const gone = run ? await this.#goneIn(run).catch((error) => this.#discard(run, error)) : []
    this.#options.cursor.reschedule((to) => {
      if (run) to.runAdded(number, salt)
      for (const block of gone) to.gone(number, block, 1)
      for (const range of sequences) to.scheduled(range)
      for (const input of inputs) to.runRemoved(input.run.number)
    })
    if (run) this.#queues = [...this.#queues, new RunQueue(run, 0)]
    onAdded()
    await this.#giveUp(inputs)
    void this.#options.cursor.write()
  }

  /** The blocks of the run with records that were done with while it was written. */
  async #goneIn(run: Run): Promise<readonly number[]> {
    const blocks: number[] = []
    for (const record of this.#goneMeanwhile) {
      const place = await placeOf(run, record)
      if (place) blocks.push(place.block)
    }
    return blocks
  }

  /** A run that could not be looked into is as if it had not been made. */
  async #discard(run: Run, error: unknown): Promise<never> {
    await run.close().catch(() => {})
    this.#files.remove(run.path)
    throw error
  }

  #hasAll(queues: readonly RunQueue[]): boolean {
    return queues.every((queue) => this.#queues.includes(queue))
  }

  /** The cursor must name them no longer. */
  async #giveUp(queues: readonly RunQueue[]): Promise<void> {
    this.#queues = this.#queues.filter((queue) => !queues.includes(queue))
    for (const { run } of queues) await run.close().catch(() => {})
    this.#files.remove(...queues.map(({ run }) => run.path))
  }
}

/** Where a run has a record; undefined if it has not. */
async function placeOf(
  run: Run,
  { at, sequence }: GoneRecord,
): Promise<{ readonly block: number; readonly row: number } | undefined> {
  const block = run.byTime.blockOf(at, sequence)
  const rows = await run.byTime.read(block)
  for (let from = 0; from < rows.length; from += rowNumbers) {
    if (rows[from + 1] !== sequence || rows[from] !== at) continue
    return { block, row: run.byTime.rowAt(block) + from / rowNumbers }
  }
  return undefined
}
