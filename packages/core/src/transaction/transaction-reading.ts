import { crc32 } from 'node:zlib'
import type { StoredRecord } from '../record.ts'
import type { FreshSet } from './fresh-sets.ts'
import { lotsIn } from './mutation-format.ts'
import type { TransactionHead, TransactionStore } from './transaction-store.ts'

/** Versions are given out in steps of 16: the low 4 bits are the region's. */
const versionStep = 16n

/** What was found of a sealed transaction. */
export interface Inspection {
  /** Whether all of it can be read, and is as it was sealed. */
  readonly parts: 'whole' | 'missing' | 'damaged'
  /** Its chunk, where it has one only and is whole: that need not be read again. */
  readonly only?: Uint8Array | undefined
}

/** Reads all of a sealed transaction once. */
export async function inspectChunks(
  store: TransactionStore,
  { id, chunks, bytes, checksum }: TransactionHead,
): Promise<Inspection> {
  let crc = 0
  let length = 0
  let last: Uint8Array | undefined
  for (let index = 0; index < chunks; index++) {
    last = await store.chunk(id, index)
    if (last === undefined) return { parts: 'missing' }
    crc = crc32(last, crc)
    length += last.byteLength
  }
  if (crc !== checksum || length !== bytes) return { parts: 'damaged' }
  return { parts: 'whole', only: chunks === 1 ? last : undefined }
}

export interface TargetMutations {
  readonly head: TransactionHead
  readonly target: string
  /** That of its marker. */
  readonly attemptEpoch: number
  /** Its chunk, where it has one only, and that was just read. */
  readonly only?: Uint8Array | undefined
}

/** The mutations for one target in their sequence, chunk by chunk, with the versions that they get. */
export async function* lotsFor(
  store: TransactionStore,
  { head, target, attemptEpoch, only }: TargetMutations,
): AsyncGenerator<StoredRecord[]> {
  const lowest = lowestVersionOf(head)
  for await (const lot of lotsIn(only === undefined ? chunksOf(store, head) : [only])) {
    const own: StoredRecord[] = []
    for (const mutation of lot) {
      if (mutation.target !== target) continue
      own.push({ ...mutation, version: lowest + mutation.version, attemptEpoch })
    }
    yield own
  }
}

/** The same of a set that was sealed here, all of them at once. */
export function freshLot(
  { chunk, mutations, ends, payloadBytes }: FreshSet,
  { head, target, attemptEpoch }: TargetMutations,
): StoredRecord[] {
  const lowest = lowestVersionOf(head)
  const own: StoredRecord[] = []
  for (const [at, mutation] of mutations.entries()) {
    if (mutation.target !== target) continue
    const end = ends[at] as number
    // Not the payload as it was given: its caller may have changed that since.
    const bytes = payloadBytes[at]
    const payload = bytes === undefined ? undefined : chunk.subarray(end - bytes, end)
    own.push({ ...mutation, payload, version: lowest + mutation.version, attemptEpoch })
  }
  return own
}

function lowestVersionOf({ version = 0n, span }: TransactionHead): bigint {
  return version - versionStep * BigInt(Math.max(0, span - 1))
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
