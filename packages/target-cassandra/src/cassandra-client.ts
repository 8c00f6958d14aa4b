/**
 * The few methods of a client that are used. The `Client` class of `cassandra-driver` has them. It
 * stays its owner's: the target connects it if need be, and never shuts it down.
 */
export interface CassandraClient {
  /** The keyspace it works in, for tables that are named without one. */
  readonly keyspace?: string
  connect(): Promise<void>
  execute(
    query: string,
    params?: unknown[],
    options?: CassandraCallOptions,
  ): Promise<CassandraResult>
  batch(queries: CassandraStatement[], options?: CassandraCallOptions): Promise<unknown>
}

/** A statement and what stands for each of its question marks. */
export interface CassandraStatement {
  query: string
  params: unknown[]
}

/** What a statement brought. */
export interface CassandraResult {
  readonly rows?: readonly Readonly<Record<string, unknown>>[]
}

/** How a call is made. */
export interface CassandraCallOptions {
  prepare?: boolean
  logged?: boolean
  /** True of all that the target sends: the timestamp is the record's, however often it is sent. False of conditional changes. */
  isIdempotent?: boolean
  consistency?: number
  /** Among which replicas a conditional change is agreed on. */
  serialConsistency?: number
  /** Its name; a client also takes one itself. */
  executionProfile?: string | object
  retry?: CassandraRetryPolicy
}

/** What the driver asks after a failure. */
export interface CassandraRetryPolicy {
  onReadTimeout(...about: never[]): object
  onWriteTimeout(...about: never[]): object
  onUnavailable(...about: never[]): object
  onRequestError(...about: never[]): object
}

/** The driver's own number for "tell whoever asked" (`RetryPolicy.retryDecision.rethrow`). */
const rethrow = (): object => ({ decision: 0 })

/** Core retries, and counts: a driver that did so as well would multiply the tries. */
export const noRetries: CassandraRetryPolicy = Object.freeze({
  onReadTimeout: rethrow,
  onWriteTimeout: rethrow,
  onUnavailable: rethrow,
  onRequestError: rethrow,
})
