import { crc32 } from 'node:zlib'
import type { StoredRecord } from '../record.ts'
import { mutationsIn } from './mutation-format.ts'
import type { TransactionHead, TransactionStore } from './transaction-store.ts'

/** Versions are given out in steps of 16: the low 4 bits are the region's. */
const versionStep = 16n

/** Whether all of a sealed transaction can be read, and is as it was sealed. */
export async function inspectChunks(
  store: TransactionStore,
  { id, chunks, bytes, checksum }: TransactionHead,
): Promise<'whole' | 'missing' | 'damaged'> {
  let crc = 0
  let length = 0
  for (let index = 0; index < chunks; index++) {
    const chunk = await store.chunk(id, index)
    if (chunk === undefined) return 'missing'
    crc = crc32(chunk, crc)
    length += chunk.byteLength
  }
  return crc === checksum && length === bytes ? 'whole' : 'damaged'
}

/** The mutations for one target in their sequence, with the versions that they get. */
export async function* mutationsFor(
  store: TransactionStore,
  head: TransactionHead,
  target: string,
): AsyncGenerator<StoredRecord> {
  const { version = 0n, span } = head
  const lowest = version - versionStep * BigInt(Math.max(0, span - 1))
  for await (const mutation of mutationsIn(chunksOf(store, head))) {
    if (mutation.target !== target) continue
    yield { ...mutation, version: lowest + mutation.version }
  }
}

/** The chunks of a sealed transaction, in their order. Throws if one is not there. */
export async function* chunksOf(
  store: TransactionStore,
  { id, chunks }: TransactionHead,
): AsyncGenerator<Uint8Array> {
  for (let index = 0; index < chunks; index++) {
    const chunk = await store.chunk(id, index)
    if (chunk === undefined) throw new Error(`Chunk ${index} of transaction ${id} is gone.`)
    yield chunk
  }
}
