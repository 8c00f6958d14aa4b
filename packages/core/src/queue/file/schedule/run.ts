import { diskError, errnoOf } from '../file-queue-error.ts'
import type { File, FileSystem } from '../file-system.ts'
import {
  blockBytes,
  blocksOf,
  damagedRun,
  decodeIndex,
  decodeRunHeader,
  indexBytes,
  type Rows,
  rowNumbers,
  rowsOfBlocks,
  rowsPerBlock,
  runHeaderBytes,
} from './run-format.ts'

/** What the cursor says of a run. */
export interface RunName {
  readonly number: number
  readonly salt: number
}

/** An open run: only its index is in memory, 32 bytes for 341 records. */
export class Run {
  readonly path: string
  readonly number: number
  readonly byTime: RunTable
  readonly byId: RunTable
  readonly #file: File

  /** Rejects with `ERR_CORRUPT_LOG` where it is missing or damaged, or with the disk's error. */
  static async open(fileSystem: FileSystem, path: string, name: RunName): Promise<Run> {
    let file: File
    try {
      file = await fileSystem.open(path, 'read')
    } catch (error) {
      if (errnoOf(error) === 'ENOENT') throw damagedRun(path, 'it is missing')
      throw diskError('open the schedule', path, error)
    }
    try {
      return await openRun(file, path, name)
    } catch (error) {
      await file.close().catch(() => {})
      throw diskError('open the schedule', path, error)
    }
  }

  constructor(file: File, path: string, number: number, tables: [RunTable, RunTable]) {
    this.path = path
    this.number = number
    this.#file = file
    this.byTime = tables[0]
    this.byId = tables[1]
  }

  close(): Promise<void> {
    return this.#file.close()
  }
}

async function openRun(file: File, path: string, { number, salt }: RunName): Promise<Run> {
  const header = await readWhole(file, path, 0, runHeaderBytes)
  const { rowsByTime, rowsById, ...found } = decodeRunHeader(header, path)
  if (found.number !== number || found.salt !== salt) throw damagedRun(path, 'it is another one')
  const [timeBlocks, idBlocks] = [blocksOf(rowsByTime), blocksOf(rowsById)]
  const at = runHeaderBytes + (timeBlocks + idBlocks) * blockBytes
  const bytes = await readWhole(file, path, at, indexBytes(timeBlocks + idBlocks))
  const index = decodeIndex(bytes, salt)
  if (!index) throw damagedRun(path, 'its index is damaged')
  const byTime = { file, path, salt, firstBlock: 0, rows: rowsByTime }
  const byId = { file, path, salt, firstBlock: timeBlocks, rows: rowsById }
  return new Run(file, path, number, [
    new RunTable(byTime, index.subarray(0, timeBlocks * 2)),
    new RunTable(byId, index.subarray(timeBlocks * 2)),
  ])
}

interface TablePlace {
  readonly file: File
  readonly path: string
  readonly salt: number
  /** Of the blocks of the file, the first one of this table. */
  readonly firstBlock: number
  readonly rows: number
}

/** One of the two tables of a run: rows in the order of their first number, then their sequence. */
export class RunTable {
  readonly rows: number
  readonly blocks: number
  readonly #place: TablePlace
  /** First number and sequence of each block's first row. */
  readonly #index: Float64Array

  constructor(place: TablePlace, index: Float64Array) {
    this.#place = place
    this.#index = index
    this.rows = place.rows
    this.blocks = blocksOf(place.rows)
  }

  /** The first number of a block's first row. */
  firstOf(block: number): number {
    return this.#index[block * 2] as number
  }

  /** The block a row with these numbers is in, if it is there: the last that does not begin after it. */
  blockOf(first: number, sequence: number): number {
    let low = 0
    let high = this.blocks
    while (low < high) {
      const middle = (low + high) >>> 1
      const start = this.#index[middle * 2] as number
      const isAfter =
        start > first || (start === first && (this.#index[middle * 2 + 1] as number) > sequence)
      if (isAfter) high = middle
      else low = middle + 1
    }
    return Math.max(0, low - 1)
  }

  /** The number of a block's first row. */
  rowAt(block: number): number {
    return block * rowsPerBlock
  }

  /** How many rows a block has. */
  rowsIn(block: number): number {
    return Math.min(rowsPerBlock, this.rows - block * rowsPerBlock)
  }

  /** Reads the rows of so many blocks. Rejects with `ERR_CORRUPT_LOG` if one is damaged. */
  async read(block: number, count = 1): Promise<Rows> {
    const { file, path, salt, firstBlock } = this.#place
    const from = block + firstBlock
    try {
      const at = runHeaderBytes + from * blockBytes
      const bytes = await readWhole(file, path, at, count * blockBytes)
      const rows = Math.min(count * rowsPerBlock, this.rows - block * rowsPerBlock)
      const found = rowsOfBlocks(bytes, rows, { salt, block: from })
      if (!found) throw damagedRun(path, `a block from ${from} on is damaged`)
      return found
    } catch (error) {
      throw diskError('read the schedule', path, error)
    }
  }

  /** Adds the rows whose first number is this one. */
  async find(first: number, add: (sequence: number, address: number) => void): Promise<void> {
    if (this.rows === 0) return
    for (let block = this.blockOf(first, 0); block < this.blocks; block++) {
      if (this.firstOf(block) > first) return
      const rows = await this.read(block)
      for (let at = 0; at < rows.length; at += rowNumbers) {
        if (rows[at] === first) add(rows[at + 1] as number, rows[at + 2] as number)
      }
    }
  }
}

async function readWhole(file: File, path: string, at: number, bytes: number): Promise<Buffer> {
  const buffer = Buffer.allocUnsafe(bytes)
  if ((await file.read(buffer, at)) < bytes) throw damagedRun(path, 'its end is missing')
  return buffer
}
