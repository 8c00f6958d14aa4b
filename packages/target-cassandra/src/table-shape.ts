import { WalError } from '@daybook/core'
import { type CassandraClient, noRetries } from './cassandra-client.ts'
import { shownTable, type TableName } from './table-name.ts'

/** A column, as the cluster describes it. */
export interface Column {
  readonly name: string
  /** In CQL, without blanks: `text`, `frozen<list<text>>`. */
  readonly type: string
  readonly kind: 'partition_key' | 'clustering' | 'regular' | 'static'
}

/** What there is to know of a table. */
export interface TableShape {
  readonly name: TableName
  readonly columns: ReadonlyMap<string, Column>
  /** How long deletes are remembered, in ms. */
  readonly gcGraceMs: number
}

const columnsQuery =
  'SELECT column_name, kind, type FROM system_schema.columns WHERE keyspace_name = ? AND table_name = ?'
const tableQuery =
  'SELECT gc_grace_seconds FROM system_schema.tables WHERE keyspace_name = ? AND table_name = ?'

/** Every node knows the schema: no reason to ask several. */
const localOne = 10

/** As {@link findTable}. Throws `ERR_CONFIG` if there is no such table. */
export async function readTable(
  client: CassandraClient,
  name: TableName,
  executionProfile: string | undefined,
): Promise<TableShape> {
  const table = await findTable(client, name, executionProfile)
  if (table !== undefined) return table
  throw new WalError(
    'ERR_CONFIG',
    `cassandraTarget: there is no table ${shownTable(name)}. Create it, or mend \`table\`; names are lower case ` +
      'unless in double quotes.',
  )
}

/** Asks the cluster itself, for the driver's copy may be old. Undefined if there is no such table. */
export async function findTable(
  client: CassandraClient,
  name: TableName,
  executionProfile: string | undefined,
): Promise<TableShape | undefined> {
  const options = {
    ...{ prepare: true, isIdempotent: true, retry: noRetries, consistency: localOne },
    ...(executionProfile !== undefined && { executionProfile }),
  }
  const where = [name.keyspace, name.table]
  const [table, columns] = await Promise.all(
    [tableQuery, columnsQuery].map((query) => client.execute(query, [...where], options)),
  )
  const [row] = table?.rows ?? []
  if (row === undefined) return undefined
  return {
    name,
    columns: new Map(
      (columns?.rows ?? []).map((row) => [String(row['column_name']), columnOf(row)]),
    ),
    gcGraceMs: Number(row['gc_grace_seconds']) * 1_000,
  }
}

function columnOf(row: Readonly<Record<string, unknown>>): Column {
  return {
    name: String(row['column_name']),
    type: String(row['type']).replaceAll(' ', ''),
    kind: String(row['kind']) as Column['kind'],
  }
}

/** True for a list whose elements are stored one by one: each time it is written it grows. */
export function isGrowingList({ type }: Column): boolean {
  return type.startsWith('list<')
}

/** True for a set or a map whose elements are stored one by one, each with its own timestamp. */
export function isSetOrMap({ type }: Column): boolean {
  return type.startsWith('set<') || type.startsWith('map<')
}
