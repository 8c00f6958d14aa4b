/** A table, by names as Cassandra keeps them. */
export interface TableName {
  readonly keyspace: string
  readonly table: string
}

const part = '([A-Za-z]\\w*|"(?:[^"]|"")+")'
const pattern = new RegExp(`^(?:${part}\\.)?${part}$`)

/** Reads a name as CQL does; undefined for what is none, or lacks a keyspace. */
export function tableName(text: string, keyspace: string | undefined): TableName | undefined {
  const [, first, second] = pattern.exec(text.trim()) ?? []
  const own = first === undefined ? keyspace : plain(first)
  return own && second !== undefined ? { keyspace: own, table: plain(second) } : undefined
}

/** A name as it is kept: in lower case, unless it was quoted. */
export function plain(name: string): string {
  return name.startsWith('"') ? name.slice(1, -1).replaceAll('""', '"') : name.toLowerCase()
}

/** A name as CQL reads it, whatever is in it. */
export function quoted(name: string): string {
  return `"${name.replaceAll('"', '""')}"`
}

/** For messages. */
export function shownTable({ keyspace, table }: TableName): string {
  return `${keyspace}.${table}`
}
