import { randomUUID } from 'node:crypto'
import {
  isWalError,
  type TransactionFilter,
  type TransactionHead,
  type TransactionStore,
  type TransactionStoreContext,
  WalError,
} from '@daybook/core'
import { Calls, storeError } from './calls.ts'
import { ChunkTable } from './chunk-table.ts'
import { HeadTable, hasEnded, type StoredHead } from './head-table.ts'
import { type IndexRow, IndexTable } from './index-table.ts'
import { KnownHeads } from './known-heads.ts'
import {
  type CassandraTransactionStoreOptions,
  endedForS,
  resolveStoreOptions,
  type TransactionStoreSettings,
  usualEndedForMs,
} from './transaction-options.ts'
import { checkTables, namesOfTables } from './transaction-tables.ts'
import { Turns } from './turns.ts'

/**
 * A creation that has not put its head by then gives up, in ms; and a set that has none is removed, by whoever
 * lists, once it was noted so long ago.
 */
const creationMs = 600_000
const orphanedMs = 3_600_000

/** How often the buckets of states that no sweeper lists are looked through, in ms. */
const tidyEveryMs = 600_000

/** Heads that a list reads at a time. */
const readsAtOnce = 16
/** More heads that cannot be read than these are an outage, and no list goes on for as long as each takes to fail. */
const mostPassedOver = 16

/**
 * Where the transactions of a namespace wait, in tables of Apache Cassandra: for queues that have no place for them, such as
 * Kafka and SQS, with any number of processes. Its tables have to be there: see `cassandraTransactionTables`.
 *
 * A head is changed by lightweight transactions alone. One that is not answered may be made yet: the call
 * rejects, and the next `get` of that id first sees to it that it is made by then, or never.
 *
 * Throws `ERR_CONFIG` for options that are wrong. `open` rejects with it where a table is missing or is another one, and says
 * what to run. Calls reject with `ERR_UNAVAILABLE`, `ERR_THROTTLED`, `ERR_TRANSIENT` or `ERR_PERMANENT`, as a target would
 * answer.
 *
 * @example
 * const client = new Client({ contactPoints: ['10.0.0.5'], localDataCenter: 'dc1', keyspace: 'shop' })
 * const store = cassandraTransactionStore({ client, namespace: 'orders' })
 */
export function cassandraTransactionStore(
  options: CassandraTransactionStoreOptions,
): TransactionStore {
  return new CassandraTransactionStore(resolveStoreOptions(options))
}

class CassandraTransactionStore implements TransactionStore {
  readonly #settings: TransactionStoreSettings
  readonly #heads: HeadTable
  readonly #chunks: ChunkTable
  readonly #index: IndexTable
  readonly #known = new KnownHeads()
  readonly #turns = new Turns()
  /** Ids with a change of ours whose outcome nobody knows. */
  readonly #unsure = new Set<string>()
  readonly #underWay = new Set<Promise<unknown>>()
  #reportError: TransactionStoreContext['reportError']
  #tidiedAt = Number.NEGATIVE_INFINITY
  #closed = false

  constructor(settings: TransactionStoreSettings) {
    const tables = namesOfTables(settings.table)
    const calls = new Calls(settings)
    this.#settings = settings
    const { endedForMs = usualEndedForMs } = settings
    const options = { ...settings, endedForS: Math.floor(endedForMs / 1_000) }
    this.#heads = new HeadTable(calls, tables.heads, options)
    this.#chunks = new ChunkTable(calls, tables.chunks)
    this.#index = new IndexTable(calls, tables, options)
  }

  async open(context: TransactionStoreContext): Promise<void> {
    const { client, table, executionProfile } = this.#settings
    const seconds = endedForS(this.#settings, context)
    this.#heads.endedForS = seconds
    this.#index.endedForS = seconds
    this.#reportError = context.reportError
    this.#closed = false
    try {
      await client.connect()
      await checkTables(client, table, executionProfile)
    } catch (error) {
      throw isWalError(error) ? error : storeError(error)
    }
  }

  create(head: TransactionHead, chunks: readonly Uint8Array[]): Promise<boolean> {
    return this.#while(() => this.#turns.run(head.id, () => this.#create(head, chunks)))
  }

  addChunk(id: string, index: number, bytes: Uint8Array): Promise<void> {
    return this.#while(async () => {
      const before = await this.#read(id)
      if (before?.head.state !== 'open') throw notOpen(id)
      await this.#chunks.write(before.contents, index, bytes)
      const after = await this.#read(id)
      if (after !== undefined && !hasEnded(after.head)) return
      // Discarded meanwhile: nobody would remove this one any more.
      await quietly(() => this.#chunks.removeAround(before.contents, index))
      throw notOpen(id)
    })
  }

  put(head: TransactionHead): Promise<boolean> {
    return this.#while(() => this.#turns.run(head.id, () => this.#put(head)))
  }

  get(id: string): Promise<TransactionHead | undefined> {
    return this.#while(async () => (await this.#read(id))?.head)
  }

  chunk(id: string, index: number): Promise<Uint8Array | undefined> {
    return this.#while(async () => {
      const known = this.#known.get(id)
      const bytes = known && (await this.#chunks.read(known.contents, index))
      if (bytes !== undefined) return bytes
      const stored = await this.#read(id)
      return stored && this.#chunks.read(stored.contents, index)
    })
  }

  list(filter: TransactionFilter): Promise<readonly TransactionHead[]> {
    return this.#while(() => this.#list(filter))
  }

  remove(id: string): Promise<void> {
    return this.#while(() => this.#turns.run(id, () => this.#remove(id)))
  }

  async close(): Promise<void> {
    this.#closed = true
    await Promise.allSettled(this.#underWay)
  }

  async #create(head: TransactionHead, chunks: readonly Uint8Array[]): Promise<boolean> {
    const { id, revision, state } = head
    const contents = randomUUID()
    const beganAt = this.#settings.clock.monotonic()
    await this.#index.note(head, contents)
    await Promise.all(chunks.map((bytes, at) => this.#chunks.write(contents, at, bytes)))
    // Whoever lists would take it for one that failed, and remove its chunks.
    if (this.#settings.clock.monotonic() - beganAt > creationMs) throw tooLate(id)
    const nothing = { revision: null, contents: null, fence: null }
    const put = await this.#certain(id, () => this.#heads.put(head, contents, nothing))
    if (put !== undefined) {
      this.#known.set({ head, contents, ...put })
      return true
    }
    await quietly(async () => {
      await this.#chunks.remove(contents, chunks.length)
      await this.#index.forget(state, { id, contents }, revision)
    })
    return false
  }

  async #put(head: TransactionHead): Promise<boolean> {
    const { id, revision, state, changedAt } = head
    const before = await this.#at(id, revision - 1)
    if (before === undefined) return false
    const { contents } = before
    const isMoved = before.head.state !== state
    if (isMoved || before.head.changedAt !== changedAt) await this.#index.note(head, contents)
    const expected = { ...before, revision: before.head.revision }
    const put = await this.#certain(id, () => this.#heads.put(head, contents, expected))
    if (put === undefined) {
      this.#known.delete(id)
      return false
    }
    this.#known.set({ head, contents, ...put })
    // What is left here is found by whoever lists, or removes it.
    if (isMoved) {
      await quietly(() => this.#index.forget(before.head.state, { id, contents }, revision - 1))
    }
    if (hasEnded(head)) await quietly(() => this.#chunks.remove(contents, head.chunks))
    return true
  }

  async #remove(id: string): Promise<void> {
    const stored = await this.#readInTurn(id)
    this.#known.delete(id)
    if (stored === undefined) return
    await this.#heads.remove(id)
    await quietly(async () => {
      await this.#chunks.remove(stored.contents, stored.head.chunks)
      await this.#index.forget(stored.head.state, { id, contents: stored.contents })
    })
  }

  async #list({
    state,
    changedBefore,
    limit,
    after,
  }: TransactionFilter): Promise<readonly TransactionHead[]> {
    this.#tidySometimes()
    const found: TransactionHead[] = []
    const passedOver: string[] = []
    for await (const page of this.#index.pages(state, { after, changedBefore })) {
      const rows = page.filter((row) => row.changedAt < changedBefore)
      for (let at = 0; at < rows.length; at += readsAtOnce) {
        const group = rows.slice(at, at + readsAtOnce)
        const heads = await Promise.all(
          group.map((row) => this.#headOrNone(state, row, passedOver)),
        )
        for (const head of heads) {
          if (head !== undefined && head.changedAt < changedBefore) found.push(head)
        }
        if (found.length >= limit) return found.slice(0, limit)
      }
    }
    return found
  }

  /** One that cannot be read keeps no other from being looked after. Its row and its chunks stay. */
  async #headOrNone(
    state: TransactionHead['state'],
    row: IndexRow,
    passedOver: string[],
  ): Promise<TransactionHead | undefined> {
    try {
      return await this.#headOf(state, row)
    } catch (cause) {
      passedOver.push(row.id)
      if (passedOver.length > mostPassedOver) throw cause
      this.#reportError?.(unreadable(row.id, state, cause))
      return undefined
    }
  }

  /** The head that a row of the index stands for. A row that stands for none is removed. */
  async #headOf(
    state: TransactionHead['state'],
    row: IndexRow,
  ): Promise<TransactionHead | undefined> {
    const stored = await this.#read(row.id)
    if (stored?.contents === row.contents) {
      const { head } = stored
      if (head.state === state) return head
      await quietly(() => this.#index.forget(state, row, head.revision))
      return undefined
    }
    // Its creation failed, or is under way; or it was removed and something of it is left.
    if (this.#settings.clock.now() - row.notedAt < orphanedMs) return undefined
    await quietly(async () => {
      await this.#chunks.remove(row.contents, 0)
      await this.#index.forget(state, row)
    })
    return undefined
  }

  /** No sweeper lists these, and their buckets become empty all the same. */
  #tidySometimes(): void {
    const now = this.#settings.clock.monotonic()
    if (now - this.#tidiedAt < tidyEveryMs) return
    this.#tidiedAt = now
    const tidying = quietly(async () => {
      for (const state of ['applying', 'parked'] as const) await this.#index.tidy(state)
    })
    this.#underWay.add(tidying)
    void tidying.then(() => this.#underWay.delete(tidying))
  }

  /** The stored head, if it has this revision. Asks only where this process does not know of it. */
  async #at(id: string, revision: number): Promise<StoredHead | undefined> {
    const known = this.#known.get(id)
    const stored = known?.head.revision === revision ? known : await this.#readInTurn(id)
    return stored?.head.revision === revision ? stored : undefined
  }

  #read(id: string): Promise<StoredHead | undefined> {
    if (!this.#unsure.has(id)) return this.#heads.read(id)
    return this.#turns.run(id, () => this.#readInTurn(id))
  }

  async #readInTurn(id: string): Promise<StoredHead | undefined> {
    if (this.#unsure.has(id)) {
      await this.#heads.fence(id)
      this.#unsure.delete(id)
    }
    return this.#heads.read(id)
  }

  /** After a change that failed the next read makes certain what it came to. */
  async #certain<T>(id: string, change: () => Promise<T>): Promise<T> {
    try {
      return await change()
    } catch (error) {
      this.#known.delete(id)
      this.#unsure.add(id)
      throw error
    }
  }

  async #while<T>(work: () => Promise<T>): Promise<T> {
    if (this.#closed) throw new WalError('ERR_CLOSED', 'The transaction store is closed.')
    const working = work()
    this.#underWay.add(working)
    try {
      return await working
    } finally {
      this.#underWay.delete(working)
    }
  }
}

/** What would only have spared others work may fail. */
async function quietly(work: () => Promise<void>): Promise<void> {
  await work().catch(() => {})
}

function notOpen(id: string): WalError {
  return new WalError(
    'ERR_TRANSACTION_NOT_OPEN',
    `Transaction ${id} is not open any more: it was sealed, or took too long and was discarded. ` +
      'Begin a new one; one that takes long needs a longer transactions.openFor.',
  )
}

function unreadable(id: string, state: TransactionHead['state'], cause: unknown): WalError {
  const { code, retryable } = isWalError(cause)
    ? cause
    : { code: 'ERR_IO' as const, retryable: false }
  const why = cause instanceof Error ? cause.message : String(cause)
  const message = `The head of transaction ${id}, noted as ${state}, cannot be read, and it is not looked after until it can be: ${why}`
  return new WalError(code, message, { cause, retryable })
}

function tooLate(id: string): WalError {
  const message = `Transaction ${id} was not stored: this process stood still for too long.`
  return new WalError('ERR_TRANSIENT', message, { retryable: true })
}
