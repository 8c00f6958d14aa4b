import { WalError, type WalErrorCode } from '@daybook/core'
import { type CassandraCallOptions, noRetries } from '../cassandra-client.ts'
import { outcomeOf } from '../cassandra-errors.ts'
import { readConsistency } from '../consistency.ts'
import type { TransactionStoreSettings } from './transaction-options.ts'

/** A row of an answer. */
export type Row = Readonly<Record<string, unknown>>

const codes = {
  permanent: 'ERR_PERMANENT',
  transient: 'ERR_TRANSIENT',
  throttled: 'ERR_THROTTLED',
  unavailable: 'ERR_UNAVAILABLE',
} as const satisfies Readonly<Record<string, WalErrorCode>>

/** The four ways in which the store asks. All reject with a `WalError`, and try once. */
export class Calls {
  readonly #settings: TransactionStoreSettings
  readonly #write: CassandraCallOptions
  readonly #read: CassandraCallOptions
  readonly #agree: CassandraCallOptions
  readonly #readAgreed: CassandraCallOptions

  constructor(settings: TransactionStoreSettings) {
    const { consistency, serialConsistency, executionProfile } = settings
    this.#settings = settings
    const usual = {
      ...{ prepare: true, isIdempotent: true, retry: noRetries },
      ...(executionProfile !== undefined && { executionProfile }),
    }
    const reads = readConsistency(consistency)
    this.#write = { ...usual, ...(consistency !== undefined && { consistency }) }
    this.#read = { ...usual, ...(reads !== undefined && { consistency: reads }) }
    // Sent twice, a condition that held would not hold any more: nobody but us may send it.
    this.#agree = { ...this.#write, serialConsistency, isIdempotent: false }
    this.#readAgreed = { ...usual, consistency: serialConsistency }
  }

  async write(query: string, params: unknown[]): Promise<void> {
    await this.#execute(query, params, this.#write)
  }

  read(query: string, params: unknown[]): Promise<readonly Row[]> {
    return this.#execute(query, params, this.#read)
  }

  /**
   * A conditional change. Answers undefined if it was made, or else what stands there of the columns asked for. Where it
   * rejects it may have been made, or be made yet.
   */
  async agree(query: string, params: unknown[]): Promise<Row | undefined> {
    const [row = {}] = await this.#execute(query, params, this.#agree)
    return row['[applied]'] === true ? undefined : row
  }

  /** Reads what conditional changes have come to; brings to an end what was begun and not finished. */
  readAgreed(query: string, params: unknown[]): Promise<readonly Row[]> {
    return this.#execute(query, params, this.#readAgreed)
  }

  async #execute(
    query: string,
    params: unknown[],
    options: CassandraCallOptions,
  ): Promise<readonly Row[]> {
    try {
      const { rows = [] } = await this.#settings.client.execute(query, params, options)
      return rows
    } catch (cause) {
      throw storeError(cause)
    }
  }
}

/** An error of the driver as one that says in words what it is. */
export function storeError(cause: unknown): WalError {
  const { status, code, message } = outcomeOf(cause)
  return new WalError(codes[status], `The transactions' tables in Cassandra: ${code}: ${message}`, {
    cause,
    retryable: status !== 'permanent',
  })
}
