import type { Run } from './run.ts'
import { type Rows, rowNumbers, rowsPerBlock } from './run-format.ts'

/** Blocks read at a time: 64 KiB. */
const readBlocks = 8

/** Where in a run a record was taken from. */
export interface RunPlace {
  readonly queue: RunQueue
  readonly block: number
}

/**
 * A run being taken from, row by row in the order of due times. It tells up to which block all is
 * done with: its *floor*, from which it is gone on with after a restart.
 */
export class RunQueue {
  readonly run: Run
  /** The rows read last, and the number of their first one in the run. */
  #rows: Rows = new Float64Array()
  #rowsFrom = 0
  /** The row that comes next. */
  #next: number
  /** By block, in rising order: how many of its rows are not done with, of blocks come to. */
  readonly #left = new Map<number, number>()

  constructor(run: Run, floor: number) {
    this.run = run
    this.#next = Math.min(floor * rowsPerBlock, run.byTime.rows)
  }

  get isAtEnd(): boolean {
    return this.#next >= this.run.byTime.rows
  }

  /** True if all of its records are done with. */
  get isDone(): boolean {
    return this.isAtEnd && this.#left.size === 0
  }

  /** The number of the row that comes next. */
  get position(): number {
    return this.#next
  }

  /** All records in lower blocks are done with. */
  get floor(): number {
    const [open] = this.#left.keys()
    return open ?? Math.floor(this.#next / rowsPerBlock)
  }

  /** True if the next row is in memory, or there is none. */
  get isLoaded(): boolean {
    return this.isAtEnd || this.#next < this.#rowsFrom + this.#rows.length / rowNumbers
  }

  /** When the next record is due; Infinity if there is none. */
  get nextAt(): number {
    if (this.isAtEnd) return Number.POSITIVE_INFINITY
    // Only the first row of a block is ever waited for unread.
    return this.isLoaded ? this.#number(0) : this.run.byTime.firstOf(this.#block)
  }

  get nextSequence(): number {
    return this.#number(1)
  }

  get nextAddress(): number {
    return this.#number(2)
  }

  /** Reads the next rows. */
  async load(): Promise<void> {
    const block = this.#block
    const count = Math.min(readBlocks, this.run.byTime.blocks - block)
    this.#rows = await this.run.byTime.read(block, count)
    this.#rowsFrom = block * rowsPerBlock
  }

  /** Goes past the next row. It counts as open until `settle` is called with its place. */
  advance(): RunPlace {
    const block = this.#block
    const left = this.#left.get(block) ?? this.run.byTime.rowsIn(block)
    this.#left.set(block, left)
    this.#next++
    if (!this.isLoaded) this.#rows = new Float64Array()
    return { queue: this, block }
  }

  /** A record that was in this block, and come past, is done with. */
  settle(block: number): void {
    const left = this.#left.get(block)
    if (left === undefined) return
    if (left > 1) this.#left.set(block, left - 1)
    else this.#left.delete(block)
  }

  /**
   * The first row that is due after an instant and not come past, and the block it is in: with
   * that one at hand all can be counted.
   */
  firstAfter(instant: number): { readonly block: number; readonly row: number } {
    const { byTime } = this.run
    const block = byTime.blockOf(instant, Number.POSITIVE_INFINITY)
    const row = Math.max(this.#next, block * rowsPerBlock)
    return { block: Math.min(Math.floor(row / rowsPerBlock), byTime.blocks - 1), row }
  }

  get #block(): number {
    return Math.floor(this.#next / rowsPerBlock)
  }

  #number(column: number): number {
    return this.#rows[(this.#next - this.#rowsFrom) * rowNumbers + column] as number
  }
}
