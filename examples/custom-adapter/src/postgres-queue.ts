import { type Queue, type QueueContext, type QueueSupports, WalError } from '@daybook/core'
import type { Pool } from 'pg'
import { PostgresConsumer } from './postgres-consumer.ts'
import { postgresError } from './postgres-errors.ts'
import { PostgresProducer } from './postgres-producer.ts'
import { createTable, type Table } from './postgres-table.ts'

/** How {@link postgresQueue} is set up. */
export interface PostgresQueueOptions {
  /** It stays the caller's: the queue does not end it. */
  readonly pool: Pool
  /** The table, made if it is not there: letters, digits and underscores. One for each namespace. */
  readonly table: string
  /** How long a record that somebody was given stays hidden once nobody hears of them, in ms; default 30,000. */
  readonly leaseMs?: number
  /** How often an idle consumer looks for records of other processes, in ms; default 200. */
  readonly pollMs?: number
}

const supports: QueueSupports = {
  order: 'none', // several processes take turns at the table; createWal refuses order: 'key' on it
  longestDelayMs: Number.POSITIVE_INFINITY,
  largestRecordBytes: 16 * 2 ** 20,
  largestBatchRecords: 500,
  largestBatchBytes: 32 * 2 ** 20,
  replay: false, // a row is removed once it is acked
  independentReaders: true, // a row for each target
  deadLetterListing: false,
  durability: 'machine',
  shared: true,
  attempts: 'all',
  releaseHoldsKey: false,
}

/**
 * A table of PostgreSQL as the queue of a namespace: what an outbox table and its cron job are for. Any
 * number of processes write into it and deliver from it.
 */
export function postgresQueue(options: PostgresQueueOptions): Queue {
  return new PostgresQueue(options)
}

class PostgresQueue implements Queue {
  readonly kind = 'postgres'
  readonly supports = supports
  readonly #options: PostgresQueueOptions
  #context: QueueContext | undefined

  constructor(options: PostgresQueueOptions) {
    if (!/^[a-z_][a-z0-9_]{0,40}$/.test(options.table)) {
      throw new WalError('ERR_CONFIG', `postgresQueue: table is no plain name: ${options.table}`)
    }
    this.#options = options
  }

  async open(context: QueueContext): Promise<void> {
    try {
      await createTable(this.#table)
    } catch (cause) {
      throw postgresError(`The table ${this.#options.table} cannot be made`, cause)
    }
    this.#context = context
  }

  async producer(): Promise<PostgresProducer> {
    return new PostgresProducer(this.#table, this.#opened(), supports.largestRecordBytes)
  }

  async consumer(target: string): Promise<PostgresConsumer> {
    const { leaseMs = 30_000, pollMs = 200 } = this.#options
    return new PostgresConsumer(this.#table, { target, leaseMs, pollMs, ...this.#opened() })
  }

  /** The namespace brings one, or says `deadLetters: 'off'`. */
  async deadLetters(): Promise<undefined> {}

  async close(): Promise<void> {
    this.#context = undefined
  }

  get #table(): Table {
    return { pool: this.#options.pool, name: this.#options.table }
  }

  #opened(): QueueContext {
    if (this.#context !== undefined) return this.#context
    throw new WalError('ERR_CLOSED', `The queue in ${this.#options.table} is not open.`)
  }
}
