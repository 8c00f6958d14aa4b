import { WalError } from '@daybook/core'
import type { CassandraClient } from '../cassandra-client.ts'
import { quoted, shownTable, type TableName, tableName } from '../table-name.ts'
import { findTable } from '../table-shape.ts'

/**
 * Four tables, all of whose partitions stay small and are read by their whole key:
 *
 *   (the name)  a row for each transaction: its head, changed by conditional updates alone
 *   …_chunks    the chunks of a set, 16 to a partition; `contents` is drawn anew for each creation
 *   …_index     which transactions are, or were, in a state: by state, and by the time in their ids
 *   …_buckets   which partitions of the index have rows
 *
 * What the index says is a hint, held against the head each time. So a row that comes back after `gc_grace_seconds`
 * does no harm, and its tombstones may go after an hour.
 */
interface TableDefinition {
  readonly suffix: string
  readonly columns: Readonly<Record<string, string>>
  readonly key: string
  readonly options?: string
}

const definitions: readonly TableDefinition[] = [
  {
    suffix: '',
    columns: {
      namespace: 'text',
      id: 'text',
      revision: 'int',
      head: 'text',
      contents: 'text',
      fence: 'text',
    },
    key: '(namespace, id)',
  },
  {
    suffix: '_chunks',
    columns: { contents: 'text', part: 'int', number: 'int', bytes: 'blob' },
    key: '(contents, part), number',
  },
  {
    suffix: '_index',
    columns: {
      namespace: 'text',
      state: 'text',
      bucket: 'text',
      id: 'text',
      contents: 'text',
      changed_at: 'timestamp',
      noted_at: 'timestamp',
    },
    key: '(namespace, state, bucket), id, contents',
    options: 'gc_grace_seconds = 3600',
  },
  {
    suffix: '_buckets',
    columns: { namespace: 'text', state: 'text', bucket: 'text', noted_at: 'timestamp' },
    key: '(namespace, state), bucket',
    options: 'gc_grace_seconds = 3600',
  },
]

/** The tables of a store, as CQL names them. */
export interface TransactionTables {
  readonly heads: string
  readonly chunks: string
  readonly index: string
  readonly buckets: string
}

/** The names of the four, given the first. */
export function namesOfTables(name: TableName): TransactionTables {
  const [heads = '', chunks = '', index = '', buckets = ''] = definitions.map((one) =>
    inCql(tableOf(name, one)),
  )
  return { heads, chunks, index, buckets }
}

/**
 * The statements that create the tables of {@link cassandraTransactionStore}, where they are not there; the keyspace has to be.
 * Wait for the schema to agree before the store is used.
 *
 * @param table `keyspace.table`, as the store's option `table`. Throws `ERR_CONFIG` for what is no such name.
 *
 * @example
 * for (const statement of cassandraTransactionTables('media.daybook_transactions')) await client.execute(statement)
 */
export function cassandraTransactionTables(table: string): readonly string[] {
  const name = typeof table === 'string' ? tableName(table, undefined) : undefined
  if (name !== undefined) return definitions.map((one) => creationOf(name, one))
  const message = `cassandraTransactionTables: the table must be named as keyspace.table, and is ${table}.`
  throw new WalError('ERR_CONFIG', message)
}

/** Rejects with `ERR_CONFIG`, and what to do, unless all four are there as they should be; or with the driver's error. */
export async function checkTables(
  client: CassandraClient,
  name: TableName,
  executionProfile: string | undefined,
): Promise<void> {
  const missing: TableDefinition[] = []
  for (const definition of definitions) {
    const table = await findTable(client, tableOf(name, definition), executionProfile)
    if (table === undefined) {
      missing.push(definition)
      continue
    }
    const wrong = Object.entries(definition.columns).find(
      ([column, type]) => table.columns.get(column)?.type !== type,
    )
    if (wrong !== undefined) throw unfit(tableOf(name, definition), wrong)
  }
  if (missing.length === 0) return
  const names = missing.map((one) => shownTable(tableOf(name, one))).join(', ')
  const statements = missing.map((one) => `  ${creationOf(name, one)};`).join('\n')
  const message = `cassandraTransactionStore: there is no ${names}. Run this in cqlsh, or what cassandraTransactionTables() gives:\n${statements}`
  throw new WalError('ERR_CONFIG', message)
}

function unfit(name: TableName, [column, type]: readonly [string, string]): WalError {
  return new WalError(
    'ERR_CONFIG',
    `cassandraTransactionStore: ${shownTable(name)} has no column ${column} of type ${type}. Give another \`table\`, or create ` +
      'this one anew by what cassandraTransactionTables() gives.',
  )
}

function creationOf(name: TableName, definition: TableDefinition): string {
  const columns = Object.entries(definition.columns).map((column) => column.join(' '))
  const options = definition.options === undefined ? '' : ` WITH ${definition.options}`
  const own = inCql(tableOf(name, definition))
  return `CREATE TABLE IF NOT EXISTS ${own} (${columns.join(', ')}, PRIMARY KEY (${definition.key}))${options}`
}

function tableOf({ keyspace, table }: TableName, { suffix }: TableDefinition): TableName {
  return { keyspace, table: `${table}${suffix}` }
}

function inCql({ keyspace, table }: TableName): string {
  return `${quoted(keyspace)}.${quoted(table)}`
}
