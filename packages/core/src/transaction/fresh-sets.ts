import { markAsUntransferable } from 'node:worker_threads'
import type { ChunkContents } from './mutation-format.ts'
import type { TransactionHead } from './transaction-store.ts'

/** A set as it was sealed here: its one chunk, and what that holds. */
export interface FreshSet extends ChunkContents {
  readonly chunk: Uint8Array
  /** As in its head. */
  readonly checksum: number
}

/** What sets may take of memory, in bytes: those of a namespace, and those of all namespaces of the process. */
const mostBytes = 8 << 20
const mostBytesOfAll = 64 << 20
let bytesOfAll = 0
/** Those of the process that have any. */
const holders = new Set<FreshSets>()
/** What a mutation takes of memory beside its bytes in the chunk and its texts, about. */
const mutationBytes = 400

/**
 * Sets that were sealed a moment ago in this process, so that they need not be read and decoded again: from the seal until they are
 * applied or parked. What there is no room for is read from the store, and so is every set while nobody here applies any.
 *
 * A sealed set never changes. That the head is still the one it was sealed with, its count and checksum tell. One of which a part
 * is applied stays after an attempt that failed, as the store may have lost it since; but it is the first to make room.
 */
export class FreshSets {
  readonly #sets = new Map<string, FreshSet & { readonly bytes: number }>()
  /** Ids of those that an attempt has failed with, the first one first. */
  readonly #tried = new Set<string>()
  #bytes = 0
  #isRead = false
  #isClosed = false

  /** What they take of memory, about. */
  get bytes(): number {
    return this.#bytes
  }

  /** Takes a set in, if there is room for it: those before it are wanted sooner, and stay, but for those that wait for a later attempt. */
  add(id: string, set: FreshSet): void {
    const bytes = memoryOf(set)
    if (!this.#isRead || this.#isClosed || this.#sets.has(id)) return
    if (!this.#hasRoom(bytes) || !this.#hasRoomAmongAll(bytes)) return
    // The payloads are views of it: a target's transfer of one to another thread would empty all of them, and so it throws.
    markAsUntransferable(set.chunk.buffer)
    this.#sets.set(id, { ...set, bytes })
    this.#bytes += bytes
    bytesOfAll += bytes
    holders.add(this)
  }

  /** The set of this head. */
  of({ id, mutations, bytes, chunks, checksum }: TransactionHead): FreshSet | undefined {
    this.#isRead = true
    const set = this.#sets.get(id)
    if (set?.mutations.length !== mutations || set.chunk.byteLength !== bytes) return undefined
    return set.checksum === checksum && chunks === 1 ? set : undefined
  }

  /** An attempt has failed with it, and another one will be made. */
  tried(id: string): void {
    if (this.#sets.has(id)) this.#tried.add(id)
  }

  delete(id: string): void {
    this.#tried.delete(id)
    const { bytes = 0 } = this.#sets.get(id) ?? {}
    this.#bytes -= bytes
    bytesOfAll -= bytes
    this.#sets.delete(id)
    if (this.#sets.size === 0) holders.delete(this)
  }

  /** Lets go of all of them, and takes in no more. */
  close(): void {
    this.#isClosed = true
    for (const id of this.#sets.keys()) this.delete(id)
  }

  /** Those that were tried make room for others. */
  #hasRoom(bytes: number): boolean {
    for (const id of this.#tried) {
      if (this.#bytes + bytes <= mostBytes) break
      this.delete(id)
    }
    return this.#bytes + bytes <= mostBytes
  }

  /** Where a namespace has more than this one it lets go of some: a target that is away takes no room from the others. */
  #hasRoomAmongAll(bytes: number): boolean {
    while (bytesOfAll + bytes > mostBytesOfAll) {
      let most: FreshSets = this
      for (const sets of holders) if (sets.#bytes > most.#bytes) most = sets
      if (most.#bytes <= this.#bytes + bytes) return false
      const [id] = most.#tried.size > 0 ? most.#tried : most.#sets.keys()
      most.delete(id as string)
    }
    return true
  }
}

/** All of a chunk that is no payload is taken for texts, which the mutations have once more, of two bytes a character. */
function memoryOf({ chunk, mutations, payloadBytes }: FreshSet): number {
  const textBytes = payloadBytes.reduce<number>((left, bytes = 0) => left - bytes, chunk.byteLength)
  return chunk.buffer.byteLength + 2 * textBytes + mutations.length * mutationBytes
}
