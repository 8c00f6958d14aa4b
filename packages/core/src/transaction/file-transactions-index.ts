import { SortedIds } from './sorted-ids.ts'
import { hasEnded, type TransactionFilter, type TransactionHead } from './transaction-store.ts'

/** Where an entry is in the journal; another place after each rewrite. */
export interface EntryPlace {
  offset: number
  bodyBytes: number
}

/** A transaction and where its bytes are. */
export interface IndexedTransaction {
  readonly id: string
  /** Kept in memory while it has not ended. */
  head: TransactionHead | undefined
  state: TransactionHead['state']
  revision: number
  changedAt: number
  readonly place: EntryPlace
  /** By index; empty once it has ended. */
  chunks: Map<number, EntryPlace>
}

/** Every transaction of a journal, without its chunks' bytes. */
export class TransactionIndex {
  readonly #byId = new Map<string, IndexedTransaction>()
  /** The ids of each state, so that a page of a list costs no more than its length. */
  readonly #byState = new Map<TransactionHead['state'], SortedIds>()
  /** Chunks that came before their head, in the same write. */
  readonly #early = new Map<string, Map<number, EntryPlace>>()
  #liveBytes = 0

  /** Bytes of the bodies that are still needed. */
  get liveBytes(): number {
    return this.#liveBytes
  }

  get(id: string): IndexedTransaction | undefined {
    return this.#byId.get(id)
  }

  all(): Iterable<IndexedTransaction> {
    return this.#byId.values()
  }

  putHead(head: TransactionHead, place: EntryPlace): void {
    const { id, state, revision, changedAt } = head
    const before = this.#byId.get(id)
    const chunks = before?.chunks ?? this.#early.get(id) ?? new Map()
    this.#early.delete(id)
    this.#liveBytes += place.bodyBytes - (before?.place.bodyBytes ?? 0)
    if (before?.state !== state) {
      if (before !== undefined) this.#idsIn(before.state).delete(id)
      this.#idsIn(state).add(id)
    }
    const ended = hasEnded(head)
    if (ended) this.#letGo(chunks)
    this.#byId.set(id, {
      id,
      head: ended ? undefined : head,
      state,
      revision,
      changedAt,
      place,
      chunks: ended ? new Map() : chunks,
    })
  }

  putChunk(id: string, index: number, place: EntryPlace): void {
    const known = this.#byId.get(id)
    const early = this.#early.get(id) ?? new Map<number, EntryPlace>()
    if (known === undefined) this.#early.set(id, early)
    // One that comes behind its end is void.
    else if (hasEnded(known)) return
    const chunks = known?.chunks ?? early
    this.#liveBytes += place.bodyBytes - (chunks.get(index)?.bodyBytes ?? 0)
    chunks.set(index, place)
  }

  remove(id: string): void {
    const known = this.#byId.get(id)
    if (known === undefined) return
    this.#byId.delete(id)
    this.#idsIn(known.state).delete(id)
    this.#liveBytes -= known.place.bodyBytes
    this.#letGo(known.chunks)
  }

  /** Chunks whose head never came: what a crash has cut off. */
  forgetEarly(): void {
    for (const chunks of this.#early.values()) this.#letGo(chunks)
    this.#early.clear()
  }

  /** Those that match, in rising order of their ids. */
  find({ state, changedBefore, after = '', limit }: TransactionFilter): IndexedTransaction[] {
    const found: IndexedTransaction[] = []
    for (const id of this.#idsIn(state).after(after)) {
      const one = this.#byId.get(id)
      if (one === undefined || one.changedAt >= changedBefore) continue
      found.push(one)
      if (found.length === limit) break
    }
    return found
  }

  #idsIn(state: TransactionHead['state']): SortedIds {
    const known = this.#byState.get(state)
    if (known !== undefined) return known
    const ids = new SortedIds()
    this.#byState.set(state, ids)
    return ids
  }

  #letGo(chunks: ReadonlyMap<number, EntryPlace>): void {
    for (const { bodyBytes } of chunks.values()) this.#liveBytes -= bodyBytes
  }
}
