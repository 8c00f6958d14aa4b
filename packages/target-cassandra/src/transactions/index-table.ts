import type { Clock, TransactionHead, TransactionState } from '@daybook/core'
import { type Bucket, BucketTable, bucketOf } from './bucket-table.ts'
import type { Calls, Row } from './calls.ts'
import { endedTtlS, hasEnded } from './head-table.ts'
import type { TransactionTables } from './transaction-tables.ts'

/** A transaction that is in a state, or was, or nearly was: its head tells. */
export interface IndexRow {
  readonly id: string
  readonly contents: string
  /** When its state changed, in ms since the Unix epoch, if it is in that state. */
  readonly changedAt: number
  /** When the row was written, in ms since the Unix epoch. */
  readonly notedAt: number
}

/** Rows read at a time. */
const pageRows = 100

/** Behind the names of all sets of one id. */
const behindAll = '~'

/** What outlasts a head that ends by itself, so that what was left of it is found, in seconds. */
const graceS = 3_600

/** Larger than any revision. */
const afterAll = Number.MAX_SAFE_INTEGER

/**
 * Which transactions are in which state. A row is written before its head is put, and removed after the next one is: it may
 * say too much, and never too little. Its timestamp is the head's revision. So a removal, by what was read of a
 * head, takes no row with it that stands for a later one.
 */
export class IndexTable {
  readonly #calls: Calls
  readonly #table: string
  readonly #namespace: string
  /** How long the head of one that has ended stands, in seconds. */
  endedForS: number
  readonly #clock: Clock
  readonly #buckets: BucketTable

  constructor(
    calls: Calls,
    { index, buckets }: TransactionTables,
    options: { namespace: string; endedForS: number; clock: Clock },
  ) {
    this.#calls = calls
    this.#table = index
    this.#namespace = options.namespace
    this.endedForS = options.endedForS
    this.#clock = options.clock
    this.#buckets = new BucketTable(calls, buckets, options)
  }

  /** To be called before the head is put. */
  async note(head: TransactionHead, contents: string): Promise<void> {
    const { id, state, revision, changedAt } = head
    const bucket = bucketOf(id)
    const ttl = hasEnded(head) ? endedTtlS(head, this.endedForS) + graceS : 0
    await Promise.all([
      this.#buckets.note(state, bucket),
      this.#calls.write(
        `INSERT INTO ${this.#table} (namespace, state, bucket, id, contents, changed_at, noted_at) ` +
          'VALUES (?, ?, ?, ?, ?, ?, ?) USING TTL ? AND TIMESTAMP ?',
        [
          ...[this.#namespace, state, bucket, id, contents],
          ...[new Date(changedAt), new Date(this.#clock.now()), ttl, `${revision}`],
        ],
      ),
    ])
  }

  /** The transaction is in another state since; what was noted for revisions up to this one is void. */
  forget(
    state: TransactionState,
    { id, contents }: Pick<IndexRow, 'id' | 'contents'>,
    revision: number = afterAll,
  ): Promise<void> {
    return this.#calls.write(
      `DELETE FROM ${this.#table} USING TIMESTAMP ? WHERE namespace = ? AND state = ? AND bucket = ? AND id = ? AND contents = ?`,
      [`${revision}`, this.#namespace, state, bucketOf(id), id, contents],
    )
  }

  /** The rows of a state in the order of their ids, page by page, but for those of ids made since `changedBefore`. */
  async *pages(
    state: TransactionState,
    { after, changedBefore }: { after?: string | undefined; changedBefore: number },
  ): AsyncGenerator<readonly IndexRow[]> {
    const first = after === undefined ? '' : bucketOf(after)
    for await (const bucket of this.#buckets.from(state, first, changedBefore)) {
      const from = after !== undefined && bucket.name === first ? after : ''
      let isEmpty = from === ''
      for await (const rows of this.#pagesOf(state, bucket, from)) {
        isEmpty = false
        yield rows
      }
      if (isEmpty) await this.#buckets.forget(state, bucket)
    }
  }

  /** Lets go of the empty buckets of a state that nobody lists. */
  async tidy(state: TransactionState): Promise<void> {
    for await (const bucket of this.#buckets.from(state, '')) {
      if (!this.#buckets.isOld(bucket)) continue
      const { value } = await this.#pagesOf(state, bucket, '').next()
      if (value === undefined) await this.#buckets.forget(state, bucket)
    }
  }

  async *#pagesOf(
    state: TransactionState,
    { name }: Bucket,
    after: string,
  ): AsyncGenerator<readonly IndexRow[]> {
    let place = [after, after === '' ? '' : behindAll]
    for (;;) {
      const rows = await this.#calls.read(
        `SELECT id, contents, changed_at, noted_at FROM ${this.#table} ` +
          'WHERE namespace = ? AND state = ? AND bucket = ? AND (id, contents) > (?, ?) LIMIT ?',
        [this.#namespace, state, name, ...place, pageRows],
      )
      const found = rows.map(indexRowFrom)
      const last = found.at(-1)
      if (last === undefined) return
      yield found
      if (found.length < pageRows) return
      place = [last.id, last.contents]
    }
  }
}

function indexRowFrom(row: Row): IndexRow {
  return {
    id: String(row['id']),
    contents: String(row['contents']),
    changedAt: Number(row['changed_at']),
    notedAt: Number(row['noted_at']),
  }
}
