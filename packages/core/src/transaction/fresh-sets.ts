import { markAsUntransferable } from 'node:worker_threads'
import type { ChunkContents } from './mutation-format.ts'
import type { TransactionHead } from './transaction-store.ts'

/** A set as it was sealed here: its one chunk, and what that holds. */
export interface FreshSet extends ChunkContents {
  readonly chunk: Uint8Array
  /** As in its head. */
  readonly checksum: number
}

/** What sets may take of memory, in bytes. */
const mostBytes = 8 << 20
/** What a mutation takes of memory beside its bytes in the chunk and its texts, about. */
const mutationBytes = 400

/**
 * Sets that were sealed a moment ago in this process, so that they need not be read and decoded again: from the seal to
 * the end of the first attempts. What there is no room for is read from the store, and so is every set while nobody here applies any.
 *
 * A sealed set never changes. That the head is still the one it was sealed with, its count and checksum tell.
 */
export class FreshSets {
  readonly #sets = new Map<string, FreshSet & { readonly bytes: number }>()
  #bytes = 0
  #isRead = false

  /** What they take of memory, about. */
  get bytes(): number {
    return this.#bytes
  }

  /** Takes a set in, if there is room for it: those before it are wanted sooner, and stay. */
  add(id: string, set: FreshSet): void {
    const bytes = memoryOf(set)
    if (!this.#isRead || this.#bytes + bytes > mostBytes || this.#sets.has(id)) return
    // The payloads are views of it: a target's transfer of one to another thread would empty all of them, and so it throws.
    markAsUntransferable(set.chunk.buffer)
    this.#sets.set(id, { ...set, bytes })
    this.#bytes += bytes
  }

  /** The set of this head. */
  of({ id, mutations, bytes, chunks, checksum }: TransactionHead): FreshSet | undefined {
    this.#isRead = true
    const set = this.#sets.get(id)
    if (set?.mutations.length !== mutations || set.chunk.byteLength !== bytes) return undefined
    return set.checksum === checksum && chunks === 1 ? set : undefined
  }

  delete(id: string): void {
    this.#bytes -= this.#sets.get(id)?.bytes ?? 0
    this.#sets.delete(id)
  }
}

/** All of a chunk that is no payload is taken for texts, which the mutations have once more, of two bytes a character. */
function memoryOf({ chunk, mutations, payloadBytes }: FreshSet): number {
  const textBytes = payloadBytes.reduce<number>((left, bytes = 0) => left - bytes, chunk.byteLength)
  return chunk.buffer.byteLength + 2 * textBytes + mutations.length * mutationBytes
}
