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

/**
 * The mutations in these chunks, in their order: of each chunk those that end in it, as a wait for each of
 * them would take longer than to read it. Keeps no more of them than these, and what one mutation spans.
 */
export async function* lotsIn(
  chunks: AsyncIterable<Uint8Array> | Iterable<Uint8Array>,
): AsyncGenerator<StoredRecord[]> {
  let begun: Buffer[] = []
  let missing = 0
  for await (const chunk of chunks) {
    const bytes = Buffer.from(chunk.buffer, chunk.byteOffset, chunk.byteLength)
    const lot: StoredRecord[] = []
    let at = 0
    // What a chunk before has begun is copied, and nothing else: copies of all would be as much garbage as there are chunks.
    while (begun.length > 0 && at < bytes.byteLength) {
      const part = bytes.subarray(at, at + missing)
      begun.push(part)
      at += part.byteLength
      missing -= part.byteLength
      if (missing > 0) continue
      const whole = Buffer.concat(begun)
      missing = sizeAt(whole, 0) - whole.byteLength
      begun = missing > 0 ? [whole] : []
      if (missing === 0) lot.push(recordFromBytes(whole.subarray(lengthBytes)))
    }
    for (let end = at + sizeAt(bytes, at); end <= bytes.byteLength; end = at + sizeAt(bytes, at)) {
      lot.push(recordFromBytes(bytes.subarray(at + lengthBytes, end)))
      at = end
    }
    yield lot
    if (at === bytes.byteLength) continue
    begun = [bytes.subarray(at)]
    missing = sizeAt(bytes, at) - (bytes.byteLength - at)
  }
}

/** What the mutation there takes, its length included; what the length takes where not all of it is there. */
function sizeAt(bytes: Buffer, at: number): number {
  if (bytes.byteLength - at < lengthBytes) return lengthBytes
  return lengthBytes + bytes.readUInt32LE(at)
}
