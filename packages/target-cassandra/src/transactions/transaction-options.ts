import {
  type Clock,
  type Duration,
  systemClock,
  type TransactionStoreContext,
  WalError,
} from '@daybook/core'
import type { CassandraClient } from '../cassandra-client.ts'
import { type Consistency, consistencyNumber } from '../consistency.ts'
import { durationMs } from '../duration.ts'
import { type TableName, tableName } from '../table-name.ts'

/** How {@link cassandraTransactionStore} is set up. */
export interface CassandraTransactionStoreOptions {
  /** A `Client` of `cassandra-driver`, or anything with these methods. It is not shut down. */
  readonly client: CassandraClient
  /** The namespace whose transactions these are. Namespaces may share tables; none may use the name of another. */
  readonly namespace: string
  /**
   * The table of the heads, as `keyspace.table`; the others have its name and `_chunks`, `_index`, `_buckets`. The
   * keyspace may be left out where the client has one. Default `'daybook_transactions'`. See {@link cassandraTransactionTables}.
   */
  readonly table?: string | undefined
  /**
   * How many replicas must have what is written, and are asked for what is read: a name, or the driver's number. With one that
   * does not overlap, a part may not be seen for a while, and is waited for. Default `'localQuorum'`, or the execution
   * profile's. Not `'any'`.
   */
  readonly consistency?: Consistency | number | undefined
  /**
   * Among which replicas heads are agreed on: `'serial'` (default), those of all data centers; `'localSerial'`, those of
   * one, which is sound only while all processes that use the store are in that one.
   */
  readonly serialConsistency?: 'serial' | 'localSerial' | undefined
  /** An execution profile of the client, by its name. Its retry policy is not used. */
  readonly executionProfile?: string | undefined
  /**
   * How long a transaction that has ended is kept at most, should nobody remove it, as the namespace does: after its
   * `transactions.keep`, and not before its queue hands the marker out no more. A shorter time than that is refused. A minute to 20 years, in whole
   * seconds; default `'7d'`, or a day more than the namespace keeps it. One whose marker was sent twice is kept for 15 days at least.
   */
  readonly endedFor?: Duration | undefined
  /** Default the machine's. */
  readonly clock?: Clock | undefined
}

/** The options with their defaults. */
export interface TransactionStoreSettings {
  readonly client: CassandraClient
  readonly namespace: string
  readonly table: TableName
  readonly consistency: number | undefined
  readonly serialConsistency: number
  readonly executionProfile: string | undefined
  /** In ms; undefined for the default. */
  readonly endedForMs: number | undefined
  readonly clock: Clock
}

/** Largest TTL that Cassandra takes, in ms: 20 years of 365 days. Source: its `Attributes.MAX_TTL`. */
const longestTtlMs = 630_720_000_000
const shortestEndedForMs = 60_000
const dayMs = 86_400_000
/** Where the option says nothing, and no namespace has said more. */
export const usualEndedForMs = 7 * dayMs

/** As the protocol numbers them. */
const serialConsistencies = { serial: 8, localSerial: 9 } as const
const any = 0

const names: ReadonlySet<string> = new Set<keyof CassandraTransactionStoreOptions>([
  'client',
  'namespace',
  'table',
  'consistency',
  'serialConsistency',
  'executionProfile',
  'endedFor',
  'clock',
])

/** Checks the options and fills in the defaults. Throws `ERR_CONFIG`. */
export function resolveStoreOptions(
  options: CassandraTransactionStoreOptions,
): TransactionStoreSettings {
  if (typeof options !== 'object' || options === null) throw wrong('options', 'must be an object')
  const unknown = Object.keys(options).find((name) => !names.has(name))
  if (unknown !== undefined) throw wrong(unknown, `is no option; there is ${[...names].join(', ')}`)
  const { client, namespace, executionProfile, clock = systemClock } = options
  for (const method of ['connect', 'execute'] as const) {
    if (typeof client?.[method] === 'function') continue
    throw wrong('client', `has no ${method}(); pass a Client of cassandra-driver`)
  }
  if (typeof namespace !== 'string' || namespace === '') {
    throw wrong('namespace', 'must be the name of the namespace whose transactions these are')
  }
  if (executionProfile !== undefined && typeof executionProfile !== 'string') {
    throw wrong('executionProfile', 'must be the name of a profile of the client')
  }
  return Object.freeze({
    ...{ client, namespace, executionProfile, clock },
    table: tableOf(options),
    consistency: consistencyOf(options),
    serialConsistency: serialConsistencyOf(options),
    endedForMs: endedForOf(options),
  })
}

function tableOf({ table = 'daybook_transactions', client }: CassandraTransactionStoreOptions) {
  const name = typeof table === 'string' ? tableName(table, client.keyspace) : undefined
  if (name !== undefined) return name
  const lack = 'must be named as keyspace.table where the client has no keyspace'
  throw wrong('table', `${lack}, and is ${String(table)}`)
}

function consistencyOf({ consistency, executionProfile }: CassandraTransactionStoreOptions) {
  if (consistency === undefined && executionProfile !== undefined) return undefined
  const number = consistencyNumber(consistency ?? 'localQuorum')
  if (number !== undefined && number !== any) return number
  throw wrong('consistency', `is ${String(consistency)}, which what is written cannot be read by`)
}

function serialConsistencyOf({ serialConsistency = 'serial' }: CassandraTransactionStoreOptions) {
  if (Object.hasOwn(serialConsistencies, serialConsistency)) {
    return serialConsistencies[serialConsistency]
  }
  throw wrong(
    'serialConsistency',
    `must be 'serial' or 'localSerial', and is ${String(serialConsistency)}`,
  )
}

function endedForOf({ endedFor }: CassandraTransactionStoreOptions): number | undefined {
  if (endedFor === undefined) return undefined
  const ms = durationMs(endedFor)
  if (ms !== undefined && ms >= shortestEndedForMs && ms <= longestTtlMs) return ms
  throw wrong('endedFor', `must be from one minute to 20 years, and is ${String(endedFor)}`)
}

/**
 * How long what has ended stands in a table of its namespace, in seconds, as Cassandra takes it. Throws `ERR_CONFIG` for a store of
 * another namespace, and where it would stand shorter than the namespace needs it.
 */
export function endedForS(
  { namespace, endedForMs }: TransactionStoreSettings,
  context: TransactionStoreContext,
): number {
  if (context.namespace !== namespace) {
    const reason = `is '${namespace}', and it is given to the namespace '${context.namespace}': make a store for each`
    throw wrong('namespace', reason)
  }
  const { keepMs } = context
  if (endedForMs !== undefined && endedForMs < keepMs) {
    const why = 'by transactions.keep, or as its queue may hand a marker out again'
    throw wrong(
      'endedFor',
      `is ${endedForMs} ms, and the namespace keeps what has ended for ${keepMs} ms (${why}): give more than that`,
    )
  }
  const ms = endedForMs ?? Math.max(usualEndedForMs, keepMs + dayMs)
  return Math.floor(Math.min(ms, longestTtlMs) / 1_000)
}

function wrong(option: string, reason: string): WalError {
  return new WalError('ERR_CONFIG', `cassandraTransactionStore: \`${option}\` ${reason}.`)
}
