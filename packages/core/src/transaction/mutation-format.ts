import { recordFromBytes, recordToBytes } from '../queue/file/record-format.ts'
import type { StoredRecord } from '../record.ts'

/**
 * The chunks of a transaction, one behind the other, are its mutations in their order: for each a
 * u32, little-endian, and a record of that length in format 1. In place of its version a record has the distance
 * from the lowest version that its key gets: 16 for each mutation of the key before it.
 */
const lengthBytes = 4

/** Bytes of a chunk, all but the last: what one put of a store takes without ado. */
const chunkBytes = 256 * 1024

/** Gathers mutations into chunks. A large mutation spans several. */
export class ChunkWriter {
  #parts: Uint8Array[] = []
  #gathered = 0

  /** Adds a mutation; answers the chunks that are full now. */
  add(mutation: StoredRecord): readonly Uint8Array[] {
    const record = recordToBytes(mutation)
    const length = Buffer.alloc(lengthBytes)
    length.writeUInt32LE(record.byteLength)
    this.#parts.push(length, record)
    this.#gathered += lengthBytes + record.byteLength
    if (this.#gathered < chunkBytes) return []
    const bytes = Buffer.concat(this.#parts)
    const chunks: Uint8Array[] = []
    let at = 0
    for (; bytes.byteLength - at >= chunkBytes; at += chunkBytes) {
      chunks.push(bytes.subarray(at, at + chunkBytes))
    }
    this.#parts = at < bytes.byteLength ? [bytes.subarray(at)] : []
    this.#gathered = bytes.byteLength - at
    return chunks
  }

  /** The rest, as the last chunk; undefined if there is none. */
  end(): Uint8Array | undefined {
    return this.#gathered === 0 ? undefined : Buffer.concat(this.#parts)
  }
}

/** The mutations in these chunks, in their order. Keeps no more of them than one mutation spans. */
export async function* mutationsIn(
  chunks: AsyncIterable<Uint8Array>,
): AsyncGenerator<StoredRecord> {
  let parts: Uint8Array[] = []
  let gathered = 0
  let needed = lengthBytes
  for await (const chunk of chunks) {
    parts.push(chunk)
    gathered += chunk.byteLength
    if (gathered < needed) continue
    const bytes = parts.length === 1 && chunk instanceof Buffer ? chunk : Buffer.concat(parts)
    let at = 0
    for (;;) {
      const left = bytes.byteLength - at
      needed = left < lengthBytes ? lengthBytes : lengthBytes + bytes.readUInt32LE(at)
      if (left < needed) break
      yield recordFromBytes(bytes.subarray(at + lengthBytes, at + needed))
      at += needed
    }
    parts = at < bytes.byteLength ? [bytes.subarray(at)] : []
    gathered = bytes.byteLength - at
  }
}
