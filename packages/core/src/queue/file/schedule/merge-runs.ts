import type { RunTable } from './run.ts'
import { type Rows, rowNumbers } from './run-format.ts'

/** Blocks of each table read at a time: 64 KiB. */
const readBlocks = 8

/** Rows given at a time: below a millisecond's work. */
const batchRows = 2048

/** The rows of several tables as one, in their order, without those that are not wanted. */
export async function* mergeTables(
  tables: readonly RunTable[],
  isWanted: (sequence: number) => boolean,
): AsyncGenerator<Rows> {
  const sources: Source[] = []
  for (const table of tables) {
    const source = new Source(table)
    if (await source.load()) sources.push(source)
  }
  let batch = new Float64Array(batchRows * rowNumbers)
  let filled = 0
  while (sources.length > 0) {
    const source = leastOf(sources)
    if (isWanted(source.sequence)) {
      source.copyTo(batch, filled)
      filled += rowNumbers
    }
    if (!source.advance() && !(await source.load())) sources.splice(sources.indexOf(source), 1)
    if (filled < batch.length) continue
    yield batch
    batch = new Float64Array(batchRows * rowNumbers)
    filled = 0
  }
  if (filled > 0) yield batch.subarray(0, filled)
}

function leastOf(sources: readonly Source[]): Source {
  let least = sources[0] as Source
  for (let at = 1; at < sources.length; at++) {
    const source = sources[at] as Source
    if (source.isBefore(least)) least = source
  }
  return least
}

/** One table, read front to back. */
class Source {
  first = 0
  sequence = 0
  readonly #table: RunTable
  #block = 0
  #rows: Rows = new Float64Array()
  #at = 0

  constructor(table: RunTable) {
    this.#table = table
  }

  /** Reads on; false at the end. */
  async load(): Promise<boolean> {
    const count = Math.min(readBlocks, this.#table.blocks - this.#block)
    if (count <= 0) return false
    this.#rows = await this.#table.read(this.#block, count)
    this.#block += count
    this.#at = 0
    this.#look()
    return true
  }

  /** Goes to the next row; false if it must be loaded first. */
  advance(): boolean {
    this.#at += rowNumbers
    if (this.#at >= this.#rows.length) return false
    this.#look()
    return true
  }

  isBefore(other: Source): boolean {
    if (this.first !== other.first) return this.first < other.first
    return this.sequence < other.sequence
  }

  copyTo(batch: Rows, at: number): void {
    batch[at] = this.first
    batch[at + 1] = this.sequence
    batch[at + 2] = this.#rows[this.#at + 2] as number
  }

  #look(): void {
    this.first = this.#rows[this.#at] as number
    this.sequence = this.#rows[this.#at + 1] as number
  }
}
