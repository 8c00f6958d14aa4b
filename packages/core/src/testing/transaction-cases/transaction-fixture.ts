import { systemRandom } from '../../random.ts'
import { RecordIds } from '../../record-id.ts'
import type { TransactionHead, TransactionStore } from '../../transaction/transaction-store.ts'
import { check } from '../check.ts'
import type { TransactionStoreSubject } from '../transaction-store-conformance.ts'

/** One demand of the suite for transaction stores, given a store that is open and empty. */
export interface TransactionCase {
  readonly name: string
  run(fixture: TransactionFixture): Promise<void>
}

/** When the transactions of these cases were opened, in ms since the Unix epoch. */
export const openedAt = 1_763_971_200_000

/** A store under test, open, and the steps that the cases share. */
export class TransactionFixture {
  readonly #subject: TransactionStoreSubject
  readonly #ids = new RecordIds(systemRandom)
  #store: TransactionStore

  constructor(subject: TransactionStoreSubject, store: TransactionStore) {
    this.#subject = subject
    this.#store = store
  }

  get unreadable(): TransactionStoreSubject['unreadable'] {
    return this.#subject.unreadable
  }

  get store(): TransactionStore {
    return this.#store
  }

  /** A head of revision 1, open, with an id behind those of all before. */
  head(fields: Partial<TransactionHead> = {}): TransactionHead {
    return {
      id: this.#ids.next(openedAt),
      revision: 1,
      state: 'open',
      openedAt,
      changedAt: openedAt,
      mutations: 0,
      bytes: 0,
      chunks: 0,
      checksum: 0,
      span: 0,
      version: undefined,
      targets: {},
      ...fields,
    }
  }

  /** The head that follows, with these fields. */
  next(head: TransactionHead, fields: Partial<TransactionHead>): TransactionHead {
    return { ...head, revision: head.revision + 1, ...fields }
  }

  async created(
    fields: Partial<TransactionHead> = {},
    chunks: readonly Uint8Array[] = [],
  ): Promise<TransactionHead> {
    const head = this.head(fields)
    const isNew = await this.#store.create(head, chunks)
    check(isNew, 'TransactionStore.create answers true for an id that it does not have', 'false')
    return head
  }

  /** Closes the store and opens it again. False if nothing would be left of it. */
  async reopen(): Promise<boolean> {
    if (this.#subject.reopens === false) return false
    await this.#store.close()
    this.#store = await this.#subject.open()
    return true
  }
}

/** The bytes of a text. */
export function bytesOf(text: string): Uint8Array {
  return new TextEncoder().encode(text)
}
