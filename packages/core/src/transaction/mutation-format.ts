import { encodeRecord, recordBound, recordFromBytes } from '../queue/file/record-format.ts'
import type { StoredRecord } from '../record.ts'

/**
 * The chunks of a transaction, one behind the other, are its mutations in their order: for each a
 * u32, little-endian, and a record of that length in format 1. In place of its version a record has the distance
 * from the lowest version that its key gets: 16 for each mutation of the key before it.
 */
const lengthBytes = 4

/** Bytes of a chunk, all but the last: what one put of a store takes without ado. */
const chunkBytes = 256 * 1024

/** Room for a chunk of some mutations; it doubles as more come. */
const leastRoomBytes = 8 * 1024

/** The mutations of a set that fits into one chunk, and where each one's bytes end, which are those of its payload at last. */
export interface ChunkContents {
  /** Without their payloads: those that were given may be views of buffers of any size, which they would hold on to. */
  readonly mutations: readonly StoredRecord[]
  readonly ends: readonly number[]
  /** What each payload takes; undefined where there is none. */
  readonly payloadBytes: readonly (number | undefined)[]
}

/** Gathers mutations into chunks. A large mutation spans several. */
export class ChunkWriter {
  /** Not used again once a chunk was made of it. */
  #buffer = Buffer.allocUnsafeSlow(leastRoomBytes)
  #gathered = 0
  #contents: { [Part in keyof ChunkContents]: ChunkContents[Part][number][] } | undefined = {
    mutations: [],
    ends: [],
    payloadBytes: [],
  }

  /** What the one chunk holds; undefined once there are more. */
  get contents(): ChunkContents | undefined {
    return this.#contents
  }

  /** Adds a mutation; answers the chunks that are full now. */
  add(mutation: StoredRecord): readonly Uint8Array[] {
    const at = this.#gathered
    this.#makeRoom(at + lengthBytes + recordBound(mutation))
    const end = encodeRecord(mutation, this.#buffer, at + lengthBytes, '')
    this.#buffer.writeUInt32LE(end - at - lengthBytes, at)
    this.#gathered = end
    if (end >= chunkBytes) return this.#cut()
    this.#contents?.mutations.push({ ...mutation, payload: undefined })
    this.#contents?.ends.push(end)
    this.#contents?.payloadBytes.push(mutation.payload?.byteLength)
    return noChunks
  }

  /** The rest, as the last chunk; undefined if there is none. */
  end(): Uint8Array | undefined {
    return this.#gathered === 0 ? undefined : this.#buffer.subarray(0, this.#gathered)
  }

  #makeRoom(bytes: number): void {
    const { byteLength } = this.#buffer
    if (bytes > byteLength) this.#moveTo(0, Math.max(bytes, 2 * byteLength))
  }

  #cut(): readonly Uint8Array[] {
    const chunks: Uint8Array[] = []
    let at = 0
    for (; this.#gathered - at >= chunkBytes; at += chunkBytes) {
      chunks.push(this.#buffer.subarray(at, at + chunkBytes))
    }
    this.#moveTo(at, Math.max(leastRoomBytes, this.#gathered - at))
    this.#contents = undefined
    return chunks
  }

  #moveTo(from: number, roomBytes: number): void {
    const larger = Buffer.allocUnsafeSlow(roomBytes)
    this.#buffer.copy(larger, 0, from, this.#gathered)
    this.#buffer = larger
    this.#gathered -= from
  }
}

const noChunks: readonly Uint8Array[] = []

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
