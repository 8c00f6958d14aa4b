import { WalError } from '../errors.ts'
import { notOpen } from './transaction-errors.ts'
import {
  hasEnded,
  type TransactionFilter,
  type TransactionHead,
  type TransactionStore,
} from './transaction-store.ts'

/** A transaction on a shelf: its head, and its chunks by index. */
export interface KeptTransaction {
  readonly head: TransactionHead
  readonly chunks: Map<number, Uint8Array>
}

/** Transactions by id. Outlives the stores that are opened over it. */
export type TransactionShelf = Map<string, KeptTransaction>

/**
 * A store of transactions in this process's memory, which nothing survives: for queues in memory, for tests,
 * and to read first. Stores over the same shelf have the same transactions.
 */
export function memoryTransactionStore(shelf: TransactionShelf = new Map()): TransactionStore {
  return new MemoryTransactionStore(shelf)
}

class MemoryTransactionStore implements TransactionStore {
  readonly #shelf: TransactionShelf
  #closed = false

  constructor(shelf: TransactionShelf) {
    this.#shelf = shelf
  }

  async create(head: TransactionHead, chunks: readonly Uint8Array[]): Promise<boolean> {
    const shelf = this.#opened()
    if (shelf.has(head.id)) return false
    const copies = chunks.map((bytes, index) => [index, new Uint8Array(bytes)] as const)
    shelf.set(head.id, { head, chunks: new Map(copies) })
    return true
  }

  async addChunk(id: string, index: number, bytes: Uint8Array): Promise<void> {
    const kept = this.#opened().get(id)
    if (kept?.head.state !== 'open') throw notOpen(id)
    kept.chunks.set(index, new Uint8Array(bytes))
  }

  async put(head: TransactionHead): Promise<boolean> {
    const shelf = this.#opened()
    const kept = shelf.get(head.id)
    if (kept?.head.revision !== head.revision - 1) return false
    shelf.set(head.id, { head, chunks: hasEnded(head) ? new Map() : kept.chunks })
    return true
  }

  async get(id: string): Promise<TransactionHead | undefined> {
    return this.#opened().get(id)?.head
  }

  async chunk(id: string, index: number): Promise<Uint8Array | undefined> {
    const bytes = this.#opened().get(id)?.chunks.get(index)
    return bytes && new Uint8Array(bytes)
  }

  async list(filter: TransactionFilter): Promise<readonly TransactionHead[]> {
    const { state, changedBefore, after = '', limit } = filter
    return [...this.#opened().values()]
      .map(({ head }) => head)
      .filter((head) => head.state === state && head.changedAt < changedBefore && head.id > after)
      .sort((a, b) => (a.id < b.id ? -1 : 1))
      .slice(0, limit)
  }

  async remove(id: string): Promise<void> {
    this.#opened().delete(id)
  }

  async close(): Promise<void> {
    this.#closed = true
  }

  #opened(): TransactionShelf {
    if (this.#closed) throw new WalError('ERR_CLOSED', 'The transaction store is closed.')
    return this.#shelf
  }
}
