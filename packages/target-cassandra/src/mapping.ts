import { WalError } from '@daybook/core'
import type { CassandraSettings } from './cassandra-options.ts'
import { shownTable } from './table-name.ts'
import { type Column, isGrowingList, type TableShape } from './table-shape.ts'

/** A field of the payload and the column it goes to. */
export interface MappedField {
  readonly field: string
  readonly column: Column
}

/** Which field goes where. */
export interface Mapping {
  readonly table: TableShape
  /** The partition key's first, in the table's own order. */
  readonly key: readonly MappedField[]
  /** How many of `key` are the partition key. */
  readonly partitionFields: number
  /** Every other column that is mapped. */
  readonly values: ReadonlyMap<string, MappedField>
  /** Fields that are passed over. */
  readonly ignored: ReadonlySet<string>
}

/** Puts options and table together. Throws `ERR_CONFIG` where they do not fit, with all the reasons. */
export function mappingOf<P>(settings: CassandraSettings<P>, table: TableShape): Mapping {
  const { key, columns, unsafe } = settings
  const problems: string[] = []
  const find = (field: string, name: string): MappedField[] => {
    const column = table.columns.get(name)
    if (column !== undefined) return [{ field, column }]
    problems.push(`there is no column ${name}`)
    return []
  }
  const keyFields = key.flatMap((field) => find(field, columnName(columns, field)))
  const values = valuesOf(key, columns, table).flatMap(([field, name]) => find(field, name))
  problems.push(...keyProblems(keyFields, values, table))
  for (const { column } of values) {
    if (column.type === 'counter') problems.push(`${column.name} is a counter: ${counted}`)
    else if (isGrowingList(column) && !unsafe) problems.push(`${column.name} is a list: ${grows}`)
  }
  if (problems.length > 0) {
    const where = `table ${shownTable(table.name)} does not fit`
    throw new WalError('ERR_CONFIG', `cassandraTarget: ${where}: ${problems.join('; ')}.`)
  }
  const rank = ({ column }: MappedField): number => [...table.columns.keys()].indexOf(column.name)
  const partition = keyFields.filter(({ column }) => column.kind === 'partition_key')
  const clustering = keyFields.filter(({ column }) => column.kind === 'clustering')
  const inOrder = (fields: MappedField[]): MappedField[] => fields.sort((a, b) => rank(a) - rank(b))
  return {
    table,
    key: [...inOrder(partition), ...inOrder(clustering)],
    partitionFields: partition.length,
    values: new Map(values.map((mapped) => [mapped.field, mapped])),
    ignored: new Set([...(columns ?? [])].flatMap(([field, to]) => (to === false ? [field] : []))),
  }
}

const counted = 'it counts a change that comes twice twice'
const grows =
  'one that is written again, as after a crash, has its elements twice; make it frozen<list<…>>, ' +
  'leave it out of `columns`, or say `unsafe: true`'

function columnName(columns: CassandraSettings<unknown>['columns'], field: string): string {
  return columns?.get(field) || field
}

/** The fields besides the key, with their columns' names. */
function valuesOf(
  key: readonly string[],
  columns: CassandraSettings<unknown>['columns'],
  table: TableShape,
): readonly (readonly [string, string])[] {
  if (columns === undefined) {
    return [...table.columns.keys()].flatMap((name) => (key.includes(name) ? [] : [[name, name]]))
  }
  return [...columns].flatMap(([field, name]) =>
    name === false || key.includes(field) ? [] : [[field, name]],
  )
}

function keyProblems(
  keyFields: readonly MappedField[],
  values: readonly MappedField[],
  table: TableShape,
): readonly string[] {
  const given = new Set(keyFields.map(({ column }) => column.name))
  const isKey = ({ kind }: Column): boolean => kind === 'partition_key' || kind === 'clustering'
  const missing = [...table.columns.values()].filter((one) => isKey(one) && !given.has(one.name))
  const strange = keyFields.filter(({ column }) => !isKey(column))
  const asValue = values.filter(({ column }) => isKey(column) && given.has(column.name))
  return [
    ...missing.map(({ name }) => `${name} is part of the primary key, and not in \`key\``),
    ...strange.map(({ field }) => `${field} is in \`key\`, and is no part of the primary key`),
    ...asValue.map(({ field, column }) => `${field} and a key field both go to ${column.name}`),
  ]
}
