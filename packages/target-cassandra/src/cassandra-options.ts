import { type Clock, type Duration, systemClock, WalError, type WalRecord } from '@daybook/core'
import type { CassandraClient, CassandraStatement } from './cassandra-client.ts'
import { type Consistency, consistencyNumber } from './consistency.ts'
import { durationMs } from './duration.ts'
import { type TableName, tableName } from './table-name.ts'

/** The statements of a record: one, several, or none where nothing is to be done. */
export type StatementFunction<P> = (
  record: WalRecord<P>,
) => CassandraStatement | readonly CassandraStatement[] | undefined

/** How {@link cassandraTarget} is set up. Either `table` and `key` are given, or a `statement`. */
export interface CassandraTargetOptions<P = unknown> {
  /** A `Client` of `cassandra-driver`, or anything with these methods. It is not shut down. */
  readonly client: CassandraClient
  /**
   * The table, as `keyspace.table`; the keyspace may be left out where the client has one. Names are
   * read as CQL reads them: lower case, unless in double quotes.
   */
  readonly table?: string | undefined
  /** The payload's fields that make up the whole primary key, in any order. */
  readonly key?: readonly string[] | undefined
  /**
   * The payload's other fields: names of columns, or the column by the field's name; `false` passes
   * over a field. Default: every column of the table, by its own name. A field that is in neither is
   * refused. Columns that are not mapped are left alone.
   */
  readonly columns?: readonly string[] | Readonly<Record<string, string | false>> | undefined
  /**
   * The key fields that a record's key stands for, where its payload has none: for deletes, and for
   * `read`. Default, where there is one key field: the record's key itself.
   */
  readonly keyOf?: ((key: string) => Readonly<Record<string, unknown>>) | undefined
  /**
   * How long what is written lasts, from when the record was written, or due: at most 20 years, in
   * whole seconds. What comes when its time is over is removed. A function may answer undefined, for
   * good. Default: the table's own `default_time_to_live`, from when it is applied.
   */
  readonly ttl?: Duration | ((record: WalRecord<P>) => Duration | undefined) | undefined
  /**
   * Makes the statements of a record, in place of a mapping: INSERT, UPDATE or DELETE with question
   * marks. The record's version is added as their timestamp. Refused is what does harm when applied
   * twice or late: counters, lists, `now()` and its like, conditions (IF), a timestamp of its own.
   */
  readonly statement?: StatementFunction<P> | undefined
  /**
   * True: takes these all the same, and lists in a mapped table. The target's idempotency is then
   * `'none'`. A statement with IF or a timestamp is given none. Default false.
   */
  readonly unsafe?: boolean | undefined
  /**
   * How many replicas must have a write: a name, or the driver's number. Default `'localQuorum'`, or
   * the execution profile's.
   */
  readonly consistency?: Consistency | number | undefined
  /** An execution profile of the client, by its name. Its retry policy is not used: core retries. */
  readonly executionProfile?: string | undefined
  /**
   * Rows of one partition go together, in an unlogged batch of at most so many bytes, 0 (never) to
   * 51,200; default 4,096. Cassandra warns of batches over 5 KiB and refuses ones over 50 KiB, as
   * configured by default (`batch_size_warn_threshold`, `batch_size_fail_threshold`).
   */
  readonly maxBatchBytes?: number | undefined
  /** Most statements and batches under way at once, 1 to 2,048; default 64. */
  readonly concurrency?: number | undefined
  /**
   * How long deletes are remembered: a replay of older records is refused. Default: the table's
   * `gc_grace_seconds`, as the cluster has it then. With `statement` the least of all the tables that its statements have named
   * since this process began, in writes and deliveries. Before any has, or where none of these is there, nobody knows: a
   * replay without `force` is refused (`ERR_UNAVAILABLE`), and in a replicated namespace the target counts as
   * unavailable. So give it with `statement`.
   */
  readonly remembersDeletes?: Duration | undefined
  /** Default the machine's. */
  readonly clock?: Clock | undefined
}

/** The options with their defaults. */
export interface CassandraSettings<P> {
  readonly client: CassandraClient
  readonly table: TableName | undefined
  readonly key: readonly string[]
  /** Undefined for every column of the table. */
  readonly columns: ReadonlyMap<string, string | false> | undefined
  readonly keyOf: ((key: string) => Readonly<Record<string, unknown>>) | undefined
  readonly ttlMs: (record: WalRecord<P>) => number | undefined
  readonly hasTtl: boolean
  readonly statement: StatementFunction<P> | undefined
  readonly unsafe: boolean
  readonly consistency: number | undefined
  readonly executionProfile: string | undefined
  readonly maxBatchBytes: number
  readonly concurrency: number
  readonly remembersDeletesMs: number | undefined
  readonly clock: Clock
}

/** Largest TTL that Cassandra takes, in ms: 20 years of 365 days. Source: its `Attributes.MAX_TTL`. */
const longestTtlMs = 630_720_000_000

const names: ReadonlySet<string> = new Set<keyof CassandraTargetOptions>([
  'client',
  'table',
  'key',
  'columns',
  'keyOf',
  'ttl',
  'statement',
  'unsafe',
  'consistency',
  'executionProfile',
  'maxBatchBytes',
  'concurrency',
  'remembersDeletes',
  'clock',
])

/** Checks the options and fills in the defaults. Throws `ERR_CONFIG`. */
export function resolveOptions<P>(options: CassandraTargetOptions<P>): CassandraSettings<P> {
  if (typeof options !== 'object' || options === null) throw wrong('options', 'must be an object')
  const unknown = Object.keys(options).find((name) => !names.has(name))
  if (unknown !== undefined) throw wrong(unknown, `is no option; there is ${[...names].join(', ')}`)
  const { client, statement, ttl, executionProfile, consistency } = options
  for (const method of ['connect', 'execute', 'batch'] as const) {
    if (typeof client?.[method] === 'function') continue
    throw wrong('client', `has no ${method}(); pass a Client of cassandra-driver`)
  }
  checkKinds(options)
  checkTogether(options)
  const table = options.table === undefined ? undefined : tableOf(options.table, client)
  const key = Object.freeze([...(options.key ?? [])])
  const range = (
    name: 'maxBatchBytes' | 'concurrency',
    usual: number,
    least: number,
    most: number,
  ) => numberIn(name, options[name] ?? usual, least, most)
  return Object.freeze({
    ...{ client, table, key, statement, executionProfile },
    columns: columnsOf(options.columns, key),
    keyOf: options.keyOf,
    ttlMs: ttlOf(ttl),
    hasTtl: ttl !== undefined,
    unsafe: options.unsafe ?? false,
    consistency: consistencyOf(consistency, executionProfile),
    maxBatchBytes: range('maxBatchBytes', 4_096, 0, 51_200),
    concurrency: range('concurrency', 64, 1, 2_048),
    remembersDeletesMs:
      options.remembersDeletes === undefined
        ? undefined
        : msOf('remembersDeletes', options.remembersDeletes),
    clock: options.clock ?? systemClock,
  })
}

function checkKinds<P>(options: CassandraTargetOptions<P>): void {
  for (const name of ['statement', 'keyOf'] as const) {
    const value = options[name]
    if (value !== undefined && typeof value !== 'function') throw wrong(name, 'must be a function')
  }
  const { unsafe, executionProfile, key } = options
  if (unsafe !== undefined && typeof unsafe !== 'boolean') {
    throw wrong('unsafe', 'must be true or false')
  }
  if (executionProfile !== undefined && typeof executionProfile !== 'string') {
    throw wrong('executionProfile', 'must be the name of a profile of the client')
  }
  const isKey = Array.isArray(key) && key.length > 0 && key.every(isName)
  if (key !== undefined && !isKey) throw wrong('key', 'must name at least one field')
  if (new Set(key).size !== (key?.length ?? 0)) throw wrong('key', 'names a field twice')
}

function checkTogether<P>({
  statement,
  table,
  key,
  columns,
  keyOf,
  ttl,
}: CassandraTargetOptions<P>) {
  if (statement === undefined) {
    if (table === undefined) throw wrong('table', 'is missing; or give a `statement`')
    if (key === undefined) {
      throw wrong('key', "is missing: name the payload's fields that are the primary key")
    }
    return
  }
  if (columns !== undefined) throw wrong('columns', 'says nothing beside a `statement`')
  if (ttl !== undefined) throw wrong('ttl', 'goes into the `statement`: USING TTL ?')
  if (keyOf !== undefined && key === undefined) throw wrong('keyOf', 'needs `table` and `key`')
  if ((key === undefined) !== (table === undefined)) {
    throw wrong(key === undefined ? 'key' : 'table', 'is missing: `read` needs both, or neither')
  }
}

function columnsOf(
  columns: CassandraTargetOptions['columns'],
  key: readonly string[],
): ReadonlyMap<string, string | false> | undefined {
  if (columns === undefined) return undefined
  if (typeof columns !== 'object' || columns === null) {
    throw wrong('columns', 'must be an array of names, or columns by field')
  }
  const pairs = Array.isArray(columns)
    ? columns.map((name): [string, unknown] => [name, name])
    : Object.entries<unknown>(columns as Readonly<Record<string, unknown>>)
  const map = new Map<string, string | false>()
  const taken = new Set<unknown>(key.filter((field) => !pairs.some(([name]) => name === field)))
  for (const [field, column] of pairs) {
    if (!isName(field) || !(column === false || isName(column))) {
      throw wrong('columns', `has ${String(column)} for ${String(field)}: give a column, or false`)
    }
    if (column === false && key.includes(field)) {
      throw wrong('columns', `passes over ${field}, which is part of the key`)
    }
    if (column !== false && taken.has(column)) throw wrong('columns', `gives ${column} two fields`)
    taken.add(column)
    map.set(field, column)
  }
  return map
}

function ttlOf<P>(ttl: CassandraTargetOptions<P>['ttl']): CassandraSettings<P>['ttlMs'] {
  if (typeof ttl === 'function') {
    return (record) => {
      const own = ttl(record)
      return own === undefined ? undefined : ttlMs(own)
    }
  }
  const ms = ttl === undefined ? undefined : ttlMs(ttl)
  return () => ms
}

function ttlMs(ttl: Duration): number {
  const ms = msOf('ttl', ttl)
  if (ms >= 1_000 && ms <= longestTtlMs) return ms
  throw wrong('ttl', `must be from one second to 20 years, and is ${ttl}`)
}

function consistencyOf(
  consistency: Consistency | number | undefined,
  profile: string | undefined,
): number | undefined {
  if (consistency === undefined && profile !== undefined) return undefined
  const number = consistencyNumber(consistency ?? 'localQuorum')
  if (number !== undefined) return number
  throw wrong('consistency', `is ${String(consistency)}, which is no consistency for a write`)
}

function tableOf(table: unknown, { keyspace }: CassandraClient): TableName {
  const name = typeof table === 'string' ? tableName(table, keyspace) : undefined
  if (name !== undefined) return name
  throw wrong('table', `must be named as keyspace.table, and is ${String(table)}`)
}

function numberIn(name: string, value: unknown, least: number, most: number): number {
  const isFine = typeof value === 'number' && value >= least && value <= most
  if (isFine && Number.isInteger(value)) return value
  throw wrong(name, `must be a whole number from ${least} to ${most}, and is ${String(value)}`)
}

function msOf(name: string, duration: Duration): number {
  const ms = durationMs(duration)
  if (ms !== undefined) return ms
  throw wrong(name, `is ${String(duration)}: give milliseconds, or a text such as '10d'`)
}

function isName(value: unknown): value is string {
  return typeof value === 'string' && value !== ''
}

function wrong(option: string, reason: string): WalError {
  return new WalError('ERR_CONFIG', `cassandraTarget: \`${option}\` ${reason}.`)
}
