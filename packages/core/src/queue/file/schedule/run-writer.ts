import { diskError } from '../file-queue-error.ts'
import type { File, FileSystem } from '../file-system.ts'
import {
  blockBytes,
  encodeIndex,
  encodeRunHeader,
  type Rows,
  rowNumbers,
  rowsPerBlock,
  runHeaderBytes,
  sealBlock,
  writeRow,
} from './run-format.ts'

/** Where a new run goes, and what it is called by. */
export interface NewRun {
  readonly fileSystem: FileSystem
  readonly directory: string
  readonly path: string
  readonly number: number
  readonly salt: number
}

/** The rows of a new run, in order, twice; each in batches of any size. */
export interface RunTables {
  readonly byTime: Iterable<Rows> | AsyncIterable<Rows>
  /** Asked for once the first have all been written. */
  byId(): Iterable<Rows> | AsyncIterable<Rows>
}

/** Blocks written at a time. */
const chunkBlocks = 32

/**
 * Synced so often on the way: one sync of a large file at its end would hold up the syncs of the log
 * on the same disk.
 */
const syncEveryBytes = 4 << 20

/**
 * Writes a run, synced, its name too. A run with no rows is not kept. Answers how many there are by
 * time. Rejects with the disk's error, or with that of the rows; no file is left then.
 */
export async function writeRun(run: NewRun, tables: RunTables): Promise<number> {
  const { fileSystem, directory, path } = run
  let file: File | undefined
  try {
    file = await fileSystem.create(path)
    const body = new RunBody(file, run.salt)
    const rowsByTime = await body.write(tables.byTime)
    const rowsById = rowsByTime === 0 ? 0 : await body.write(tables.byId())
    await body.finish(encodeRunHeader({ ...run, rowsByTime, rowsById }))
    await file.close()
    if (rowsByTime === 0) await fileSystem.remove(path)
    else await fileSystem.syncDirectory(directory)
    return rowsByTime
  } catch (error) {
    await file?.close().catch(() => {})
    if (file) await fileSystem.remove(path).catch(() => {})
    throw diskError('write the schedule', path, error)
  }
}

/** What follows the header of a run, block by block. */
class RunBody {
  readonly #file: File
  readonly #salt: number
  readonly #index: number[] = []
  readonly #chunk = Buffer.alloc(chunkBlocks * blockBytes)
  /** Blocks in the chunk, and before it. */
  #filled = 0
  #written = 0
  #unsyncedBytes = 0

  constructor(file: File, salt: number) {
    this.#file = file
    this.#salt = salt
  }

  /** Writes one table, and answers how many rows it has. */
  async write(batches: Iterable<Rows> | AsyncIterable<Rows>): Promise<number> {
    let count = 0
    let block = this.#nextBlock()
    for await (const rows of batches) {
      for (let from = 0; from < rows.length; from += rowNumbers) {
        const row = count % rowsPerBlock
        if (row === 0 && count > 0) {
          this.#seal()
          if (this.#filled === chunkBlocks) await this.#writeChunk()
          block = this.#nextBlock()
        }
        if (row === 0) this.#index.push(rows[from] as number, rows[from + 1] as number)
        writeRow(block, row, rows, from)
        count++
      }
    }
    if (count > 0) this.#seal()
    if (this.#filled === chunkBlocks) await this.#writeChunk()
    return count
  }

  async finish(header: Buffer): Promise<void> {
    await this.#writeChunk()
    const index = encodeIndex(this.#index, this.#salt)
    await this.#file.write(index, this.#end)
    await this.#file.write(header, 0)
    await this.#file.sync()
  }

  get #end(): number {
    return runHeaderBytes + this.#written * blockBytes
  }

  #nextBlock(): DataView {
    const from = this.#filled * blockBytes
    this.#chunk.fill(0, from, from + blockBytes)
    return new DataView(this.#chunk.buffer, this.#chunk.byteOffset + from, blockBytes)
  }

  #seal(): void {
    const from = this.#filled * blockBytes
    const bytes = this.#chunk.subarray(from, from + blockBytes)
    sealBlock(bytes, this.#salt, this.#written + this.#filled)
    this.#filled++
  }

  async #writeChunk(): Promise<void> {
    if (this.#filled === 0) return
    const bytes = this.#filled * blockBytes
    await this.#file.write(this.#chunk.subarray(0, bytes), this.#end)
    this.#written += this.#filled
    this.#filled = 0
    this.#unsyncedBytes += bytes
    if (this.#unsyncedBytes < syncEveryBytes) return
    this.#unsyncedBytes = 0
    await this.#file.sync()
  }
}
