import { WalError } from '../errors.ts'
import type { FileSystem } from '../queue/file/file-system.ts'
import { Journal } from '../queue/file/journal.ts'
import type { Random } from '../random.ts'
import {
  chunkBytesOf,
  decodeHead,
  encodeChunk,
  encodeGone,
  encodeHead,
  readTransactionEntry,
} from './file-transactions-format.ts'
import {
  type EntryPlace,
  type IndexedTransaction,
  TransactionIndex,
} from './file-transactions-index.ts'
import { notOpen } from './transaction-errors.ts'
import {
  hasEnded,
  type TransactionFilter,
  type TransactionHead,
  type TransactionPutOptions,
  type TransactionStore,
} from './transaction-store.ts'

export interface FileTransactionStoreOptions {
  /** Must exist, and belong to this process alone. */
  readonly directory: string
  readonly fileSystem: FileSystem
  readonly random: Random
  /** The file is written anew once so many bytes of it, and more than half, are void. Default 8 MiB. */
  readonly leastDeadBytes?: number | undefined
  /** Told of what fails in the background: a rewrite of the file. */
  reportError(error: WalError): void
}

const transactionsFile = 'sets.journal'

const defaultLeastDeadBytes = 8 << 20

/** Entries read at once for a new file: one after the other, each would wait for the thread pool. Changes wait meanwhile. */
const readAtOnce = 32

/**
 * Opens the transactions in a directory. Rejects with `ERR_CORRUPT_LOG` where something is damaged that
 * was known to be durable, and with `ERR_FUTURE_FORMAT`, `ERR_NOT_A_LOG` or an error of the disk; nothing
 * is changed then.
 */
export async function openFileTransactionStore(
  options: FileTransactionStoreOptions,
): Promise<FileTransactionStore> {
  const index = new TransactionIndex()
  const { journal } = await Journal.open({
    ...options,
    name: transactionsFile,
    kind: 'tran',
    damage: 'refuse',
    replay(body, offset) {
      const entry = readTransactionEntry(body)
      const place = { offset, bodyBytes: body.byteLength }
      if (entry.kind === 'head') index.putHead(entry.head, place)
      else if (entry.kind === 'chunk') index.putChunk(entry.id, entry.index, place)
      else index.remove(entry.id)
    },
  })
  index.forgetEarly()
  return new FileTransactionStore(options, journal, index)
}

/** What an append changes, taken when it is its turn to be written. */
interface Change {
  readonly bodies: readonly Uint8Array[]
  /** Brings the index to it. */
  apply(places: readonly EntryPlace[]): void
}

/**
 * Transactions in one journal: heads, chunks and removals. Calls made at the same time share a write and
 * a sync. In memory are an index, and the heads of those that have not ended.
 */
export class FileTransactionStore implements TransactionStore {
  readonly #options: FileTransactionStoreOptions
  readonly #journal: Journal
  readonly #index: TransactionIndex
  /** Revisions that are being written, by id: what a put is held against meanwhile. */
  readonly #writing = new Map<string, number>()
  /** Heads that the index has and the journal has not, by id: they wait for the next one of their transaction. */
  readonly #waiting = new Map<string, TransactionHead>()
  #rewriting: Promise<void> | undefined
  /** Size of the file at which a rewrite that failed is tried again. */
  #rewriteAtBytes = 0
  #closed = false

  constructor(options: FileTransactionStoreOptions, journal: Journal, index: TransactionIndex) {
    this.#options = options
    this.#journal = journal
    this.#index = index
  }

  create(head: TransactionHead, chunks: readonly Uint8Array[]): Promise<boolean> {
    const bodies = chunks.map((bytes, index) => encodeChunk(head.id, index, bytes))
    return this.#putHead(head, bodies, true)
  }

  put(
    head: TransactionHead,
    { lasting = true, mayWait = false }: TransactionPutOptions = {},
  ): Promise<boolean> {
    if (mayWait && this.#keepWaiting(head)) return Promise.resolve(true)
    return this.#putHead(head, [], lasting)
  }

  async addChunk(id: string, index: number, bytes: Uint8Array): Promise<void> {
    const body = encodeChunk(id, index, bytes)
    const isOpen = await this.#append(true, () =>
      this.#index.get(id)?.state === 'open' && !this.#writing.has(id)
        ? {
            bodies: [body],
            apply: ([place]) => this.#index.putChunk(id, index, place as EntryPlace),
          }
        : undefined,
    )
    if (!isOpen) throw notOpen(id)
  }

  async get(id: string): Promise<TransactionHead | undefined> {
    await this.#mend()
    const known = this.#index.get(id)
    return known && this.#headOf(known)
  }

  async chunk(id: string, index: number): Promise<Uint8Array | undefined> {
    await this.#mend()
    const place = this.#index.get(id)?.chunks.get(index)
    return place && chunkBytesOf(await this.#journal.read(place.offset, place.bodyBytes))
  }

  async list(filter: TransactionFilter): Promise<readonly TransactionHead[]> {
    await this.#mend()
    return Promise.all(this.#index.find(filter).map((one) => this.#headOf(one)))
  }

  async remove(id: string): Promise<void> {
    await this.#append(true, () =>
      this.#index.get(id) === undefined
        ? undefined
        : {
            bodies: [encodeGone(id)],
            apply: () => {
              this.#index.remove(id)
              this.#waiting.delete(id)
            },
          },
    )
  }

  async close(): Promise<void> {
    if (this.#closed) return
    this.#closed = true
    await this.#rewriting?.catch(() => {})
    // What waits may be forgotten; but so the next life knows which transactions have begun.
    if (this.#waiting.size > 0) await this.#journal.append(() => this.#left()).catch(() => {})
    await this.#journal.close()
  }

  /** Lets go of the file and writes nothing more to it, for it has another owner now. */
  async abandon(): Promise<void> {
    this.#closed = true
    await this.#journal.abandon()
  }

  /** False where it has to go the way of all others: it is not the next one, or that is not certain yet. */
  #keepWaiting(head: TransactionHead): boolean {
    const { id, revision } = head
    const known = this.#index.get(id)
    if (known?.revision !== revision - 1 || this.#writing.has(id) || hasEnded(head)) return false
    if (this.#closed || this.#journal.broken) return false
    this.#index.putHead(head, known.place)
    this.#waiting.set(id, head)
    return true
  }

  /** Those that wait, but where the next one is being written: behind that they would be taken for the latest. */
  #left(): readonly Uint8Array[] {
    const left = [...this.#waiting.values()].filter(({ id }) => !this.#writing.has(id))
    return left.map(encodeHead)
  }

  async #putHead(
    head: TransactionHead,
    chunks: readonly Uint8Array[],
    lasting: boolean,
  ): Promise<boolean> {
    const { id, revision } = head
    const body = encodeHead(head)
    const change: Change = {
      bodies: [...chunks, body],
      apply: (places) => {
        for (const [index] of chunks.entries()) {
          this.#index.putChunk(id, index, places[index] as EntryPlace)
        }
        this.#index.putHead(head, places[chunks.length] as EntryPlace)
        this.#waiting.delete(id)
        if (this.#writing.get(id) === revision) this.#writing.delete(id)
      },
    }
    let taken = false
    try {
      return await this.#append(lasting, () => {
        const stored = this.#writing.get(id) ?? this.#index.get(id)?.revision ?? 0
        if (stored !== revision - 1) return undefined
        this.#writing.set(id, revision)
        taken = true
        return change
      })
    } catch (error) {
      if (taken && this.#writing.get(id) === revision) this.#writing.delete(id)
      throw error
    }
  }

  /** Answers whether there was something to change, once that is written, and synced if lasting. */
  async #append(lasting: boolean, take: () => Change | undefined): Promise<boolean> {
    await this.#mend()
    let change: Change | undefined
    await this.#journal.append(
      () => {
        change = take()
        return change?.bodies ?? []
      },
      {
        lasting,
        written: (offsets) => {
          const sizes = change?.bodies.map(({ byteLength }) => byteLength) ?? []
          change?.apply(offsets.map((offset, at) => ({ offset, bodyBytes: sizes[at] as number })))
        },
      },
    )
    this.#rewriteIfMostlyDead()
    return change !== undefined
  }

  /** After a failed write the file is written anew from what is known: then that is certain. */
  async #mend(): Promise<void> {
    if (this.#closed) throw new WalError('ERR_CLOSED', 'The transaction store is closed.')
    if (this.#journal.broken) await this.#rewrite()
  }

  async #headOf({ head, place }: IndexedTransaction): Promise<TransactionHead> {
    return head ?? decodeHead(await this.#journal.read(place.offset, place.bodyBytes))
  }

  #rewriteIfMostlyDead(): void {
    const { bytes } = this.#journal
    const dead = bytes - this.#index.liveBytes
    const least = this.#options.leastDeadBytes ?? defaultLeastDeadBytes
    if (dead < least || dead < bytes / 2 || bytes < this.#rewriteAtBytes) return
    if (this.#rewriting || this.#closed) return
    this.#rewrite().catch((error: WalError) => {
      // The file is as good as before, only larger than it need be.
      this.#rewriteAtBytes = 2 * bytes
      if (!this.#journal.broken) this.#options.reportError(error)
    })
  }

  /** Moves what is needed, and nothing else, to a new file. */
  #rewrite(): Promise<void> {
    const moved: EntryPlace[] = []
    this.#rewriting ??= this.#journal
      .rewrite({
        contents: () => this.#bodies(moved),
        moved: (offsets) => {
          for (const [at, place] of moved.entries()) place.offset = offsets[at] as number
        },
      })
      .finally(() => {
        this.#rewriting = undefined
      })
    return this.#rewriting
  }

  async *#bodies(moved: EntryPlace[]): AsyncGenerator<Uint8Array> {
    let places: EntryPlace[] = []
    for (const { place, chunks } of this.#index.all()) {
      for (const each of [...chunks.values(), place]) {
        places.push(each)
        if (places.length < readAtOnce) continue
        yield* await this.#read(places, moved)
        places = []
      }
    }
    yield* await this.#read(places, moved)
  }

  #read(places: readonly EntryPlace[], moved: EntryPlace[]): Promise<readonly Uint8Array[]> {
    moved.push(...places)
    return Promise.all(places.map((each) => this.#journal.read(each.offset, each.bodyBytes)))
  }
}
