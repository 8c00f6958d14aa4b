import type { Calls } from './calls.ts'

/** Chunks to a partition: 4 MiB of those that core makes. */
const chunksPerPart = 16

/**
 * Timestamps of what is written, and of its removal: no set is written again under its name. So a removal removes whatever the clock
 * of the process that wrote it said.
 */
const written = 1
const removed = 2

/** The chunks of sets. A set's name is drawn anew for each creation, so that none is ever written over another's. */
export class ChunkTable {
  readonly #calls: Calls
  readonly #table: string

  constructor(calls: Calls, table: string) {
    this.#calls = calls
    this.#table = table
  }

  write(contents: string, index: number, bytes: Uint8Array): Promise<void> {
    return this.#calls.write(
      `INSERT INTO ${this.#table} (contents, part, number, bytes) VALUES (?, ?, ?, ?) USING TIMESTAMP ${written}`,
      [
        contents,
        partOf(index),
        index,
        Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength),
      ],
    )
  }

  async read(contents: string, index: number): Promise<Uint8Array | undefined> {
    const [row] = await this.#calls.read(
      `SELECT bytes FROM ${this.#table} WHERE contents = ? AND part = ? AND number = ?`,
      [contents, partOf(index), index],
    )
    return row?.['bytes'] as Uint8Array | undefined
  }

  /**
   * Removes the whole set, by a tombstone for each partition: from its end on, so that what is left where that fails
   * is found again. `count` is how many chunks it has, 0 where nobody has counted them.
   */
  async remove(contents: string, count: number): Promise<void> {
    // What was written last may come to be seen later than this.
    const last = count > 0 ? partOf(count - 1) : await this.#firstEmpty(contents)
    for (let part = last; part >= 0; part--) await this.#removePart(contents, part)
  }

  async #firstEmpty(contents: string): Promise<number> {
    for (let part = 0; ; part++) {
      const [row] = await this.#calls.read(
        `SELECT number FROM ${this.#table} WHERE contents = ? AND part = ? LIMIT 1`,
        [contents, part],
      )
      if (row === undefined) return part
    }
  }

  /** Removes the partition that this chunk is in. */
  removeAround(contents: string, index: number): Promise<void> {
    return this.#removePart(contents, partOf(index))
  }

  #removePart(contents: string, part: number): Promise<void> {
    return this.#calls.write(
      `DELETE FROM ${this.#table} USING TIMESTAMP ${removed} WHERE contents = ? AND part = ?`,
      [contents, part],
    )
  }
}

function partOf(index: number): number {
  return Math.floor(index / chunksPerPart)
}
