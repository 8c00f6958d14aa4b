import { WalError } from '../errors.ts'
import type {
  DeadLetterFilter,
  DeadLetterPageOptions,
  DeadLetterQueue,
  DeadLetterSummary,
  StoredDeadLetter,
  StoredDeadLetterPage,
} from './dlq.ts'
import { pageBoundsOf } from './page-bounds.ts'

/** Letters in the order in which they were put. Outlives the queues that are opened over it. */
export interface LetterStore {
  readonly letters: Map<string, KeptLetter>
  lastNumber: number
}

interface KeptLetter {
  /** Grows with every put; a page goes on behind the number of the last letter it gave. */
  readonly number: number
  readonly letter: StoredDeadLetter
}

export function newLetterStore(): LetterStore {
  return { letters: new Map(), lastNumber: 0 }
}

/** Dead letters in this process's memory: where they wait when their queue is in memory too. */
export function memoryDeadLetterQueue(store: LetterStore = newLetterStore()): DeadLetterQueue {
  return new MemoryDeadLetterQueue(store)
}

class MemoryDeadLetterQueue implements DeadLetterQueue {
  readonly #store: LetterStore
  #closed = false

  constructor(store: LetterStore) {
    this.#store = store
  }

  async put(letters: readonly StoredDeadLetter[]): Promise<void> {
    const store = this.#opened()
    for (const letter of letters) {
      // Taken out first, for a letter put again stands last, like any other that is put.
      store.letters.delete(letter.id)
      store.letters.set(letter.id, { number: ++store.lastNumber, letter: copyOf(letter) })
    }
  }

  async list(options: DeadLetterPageOptions): Promise<StoredDeadLetterPage> {
    const { letters } = this.#opened()
    const { after, limit } = pageBoundsOf(options)
    const page: KeptLetter[] = []
    for (const kept of letters.values()) {
      if (kept.number <= after || !matches(kept.letter, options)) continue
      if (page.length === limit) return pageOf(page, page.at(-1)?.number)
      page.push(kept)
    }
    return pageOf(page, undefined)
  }

  async get(id: string): Promise<StoredDeadLetter | undefined> {
    return this.#opened().letters.get(id)?.letter
  }

  async remove(ids: readonly string[]): Promise<number> {
    const { letters } = this.#opened()
    return ids.filter((id) => letters.delete(id)).length
  }

  async *summaries(): AsyncIterable<DeadLetterSummary> {
    for (const { letter } of this.#opened().letters.values()) {
      const { id, key, attemptEpoch, version } = letter.record
      yield { id: letter.id, recordId: id, target: letter.target, key, attemptEpoch, version }
    }
  }

  async count(): Promise<ReadonlyMap<string, number>> {
    const counts = new Map<string, number>()
    for (const { letter } of this.#opened().letters.values()) {
      counts.set(letter.target, (counts.get(letter.target) ?? 0) + 1)
    }
    return counts
  }

  async close(): Promise<void> {
    this.#closed = true
  }

  #opened(): LetterStore {
    if (this.#closed) throw new WalError('ERR_CLOSED', 'The dead-letter queue is closed.')
    return this.#store
  }
}

function pageOf(page: readonly KeptLetter[], next: number | undefined): StoredDeadLetterPage {
  return { letters: page.map(({ letter }) => letter), next: next?.toString() }
}

function matches(
  { target, record, code, at }: StoredDeadLetter,
  filter: DeadLetterFilter,
): boolean {
  return (
    (filter.target === undefined || filter.target === target) &&
    (filter.key === undefined || filter.key === record.key) &&
    (filter.code === undefined || filter.code === code) &&
    (filter.since === undefined || at >= filter.since) &&
    (filter.until === undefined || at < filter.until)
  )
}

/** The caller may use its bytes again once `put` has resolved. */
function copyOf(letter: StoredDeadLetter): StoredDeadLetter {
  const { payload } = letter.record
  return { ...letter, record: { ...letter.record, payload: payload && new Uint8Array(payload) } }
}
