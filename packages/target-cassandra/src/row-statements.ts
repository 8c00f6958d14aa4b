import { permanent, type WalRecord } from '@daybook/core'
import type { CassandraStatement } from './cassandra-client.ts'
import type { CassandraSettings } from './cassandra-options.ts'
import type { MappedField, Mapping } from './mapping.ts'
import { bytesOf, identityOf, isPlain, keyParam, paramOf } from './param.ts'
import { quoted } from './table-name.ts'
import type { Work, WorkOrFailure } from './work.ts'

type Fields = Readonly<Record<string, unknown>>

/**
 * Sets of fields that patches may come with, each a statement of its own, prepared once. Beyond so many
 * a patch sets its columns by one statement each, so that what the nodes have to remember stays bounded.
 */
const mostPatchShapes = 64

/** Rough size of a cell beside its value, in bytes: timestamp, flags, lengths. */
const cellBytes = 12

/**
 * The statements of records, by a mapping. Every one carries the record's version as its timestamp, and
 * Cassandra keeps the newest of each cell: so they may come in any order, and any number of times.
 *
 * - `put` is an INSERT of every mapped column, null where the payload has none. Static columns belong to
 *   the whole partition: they are set where the payload has them, and otherwise left alone.
 * - `patch` is an UPDATE of the columns that the payload names.
 * - `delete` is a DELETE of the row. It wins against what has its own timestamp or an older one; another
 *   record of the key has another version.
 */
export class RowStatements<P> {
  readonly mapping: Mapping
  readonly #settings: CassandraSettings<P>
  readonly #patchShapes = new Set<string>()
  readonly #table: string
  readonly #where: string

  constructor(settings: CassandraSettings<P>, mapping: Mapping) {
    this.#settings = settings
    this.mapping = mapping
    const { keyspace, table } = mapping.table.name
    this.#table = `${quoted(keyspace)}.${quoted(table)}`
    this.#where = mapping.key.map(({ column }) => `${quoted(column.name)} = ?`).join(' AND ')
  }

  /** The work of a record, or the reason why there will never be any. */
  workOf(record: WalRecord<P>): WorkOrFailure {
    const { op, payload } = record
    if (op !== 'delete' && !isPlain(payload)) {
      return permanent(
        'not_a_row',
        `The payload of a ${op} must be an object: a value for each field.`,
      )
    }
    const fields: Fields = isPlain(payload) ? payload : {}
    const unknown = op === 'delete' ? undefined : this.#unknownField(fields)
    if (unknown !== undefined) {
      const { name } = this.mapping.table
      const message = `Field ${unknown} goes to no column of ${name.keyspace}.${name.table}; map it, or pass over it with \`columns\`.`
      return permanent('unknown_field', message)
    }
    const key = this.#keyOf(record, fields)
    if (typeof key === 'string') {
      return permanent(
        'missing_key',
        `The record has no value for ${key}, which is part of the primary key.`,
      )
    }
    return this.#work(record, fields, key)
  }

  /** Reads the row of a record's key. Undefined where the key does not say which row that is. */
  readOf(key: string): CassandraStatement | undefined {
    const params = this.#keyOf({ key }, {})
    if (typeof params === 'string') return undefined
    return this.#select([...this.mapping.key, ...this.mapping.values.values()], params)
  }

  /** A row as a payload: what is null is left out. */
  payloadOf(row: Fields): Fields {
    const fields = [...this.mapping.key, ...this.mapping.values.values()]
    const pairs = fields.map(({ field, column }) => [field, row[column.name]] as const)
    return Object.fromEntries(pairs.filter(([, value]) => value !== null && value !== undefined))
  }

  #work(record: WalRecord<P>, fields: Fields, key: readonly unknown[]): WorkOrFailure {
    const ttlSeconds = this.#ttlSeconds(record)
    const isOver = ttlSeconds !== undefined && ttlSeconds <= 0
    const using = ttlSeconds === undefined || isOver ? [] : [ttlSeconds]
    // Set to null, what is over is gone at once; a whole row is deleted, as it was there and is no more.
    const statements =
      record.op === 'delete' || (record.op === 'put' && isOver)
        ? [this.#delete(record, key)]
        : record.op === 'put'
          ? [this.#insert(record, fields, key, using)]
          : this.#update(record, fields, key, { using, isOver })
    return this.#placed(statements, key)
  }

  #placed(statements: readonly CassandraStatement[], key: readonly unknown[]): Work {
    const { partitionFields, key: keyFields } = this.mapping
    const params = statements.flatMap((statement) => statement.params)
    // Without clustering columns each row is a partition of its own, and nothing shares a batch.
    const isShared = keyFields.length > partitionFields || statements.length > 1
    return {
      statements,
      partition: isShared ? key.slice(0, partitionFields).map(identityOf).join() : undefined,
      bytes: params.reduce<number>((sum, param) => sum + bytesOf(param) + cellBytes, 0),
      probe: this.#select(keyFields.slice(0, 1), key),
      madeBy: this,
    }
  }

  #insert({ version }: WalRecord<P>, fields: Fields, key: readonly unknown[], using: number[]) {
    const values = [...this.mapping.values.values()].filter(
      ({ field, column }) => column.kind !== 'static' || fields[field] !== undefined,
    )
    const names = [...this.mapping.key, ...values].map(({ column }) => quoted(column.name))
    const marks = names.map(() => '?')
    const query = `INSERT INTO ${this.#table} (${names.join(', ')}) VALUES (${marks.join(', ')}) ${usingText(using)}`
    const params = values.map(({ field, column }) => paramOf(column, fields[field]))
    return { query, params: [...key, ...params, ...using, version.toString()] }
  }

  #update(
    { version }: WalRecord<P>,
    fields: Fields,
    key: readonly unknown[],
    { using, isOver }: { using: number[]; isOver: boolean },
  ): readonly CassandraStatement[] {
    const named = [...this.mapping.values.values()].filter(
      ({ field }) => fields[field] !== undefined,
    )
    const shape = named.map(({ column }) => column.name).join('\0')
    const isKnown = this.#patchShapes.has(shape)
    if (!isKnown && this.#patchShapes.size < mostPatchShapes) this.#patchShapes.add(shape)
    const groups = this.#patchShapes.has(shape) ? [named] : named.map((one) => [one])
    return groups.flatMap((group) => {
      if (group.length === 0) return []
      const set = group.map(({ column }) => `${quoted(column.name)} = ?`).join(', ')
      const query = `UPDATE ${this.#table} ${usingText(using)} SET ${set} WHERE ${this.#where}`
      const params = group.map(({ field, column }) =>
        isOver ? null : paramOf(column, fields[field]),
      )
      return [{ query, params: [...using, version.toString(), ...params, ...key] }]
    })
  }

  #delete({ version }: WalRecord<P>, key: readonly unknown[]): CassandraStatement {
    const query = `DELETE FROM ${this.#table} USING TIMESTAMP ? WHERE ${this.#where}`
    return { query, params: [version.toString(), ...key] }
  }

  #select(fields: readonly MappedField[], key: readonly unknown[]): CassandraStatement {
    const names = fields.map(({ column }) => quoted(column.name)).join(', ')
    return { query: `SELECT ${names} FROM ${this.#table} WHERE ${this.#where}`, params: [...key] }
  }

  #unknownField(fields: Fields): string | undefined {
    const { key, values, ignored } = this.mapping
    const isKnown = (field: string): boolean =>
      values.has(field) || ignored.has(field) || key.some((mapped) => mapped.field === field)
    return Object.keys(fields).find((field) => fields[field] !== undefined && !isKnown(field))
  }

  /** The values of the primary key, or the name of the field that is missing. */
  #keyOf({ key }: Pick<WalRecord<P>, 'key'>, fields: Fields): readonly unknown[] | string {
    const { keyOf } = this.#settings
    const fromKey = key === undefined ? {} : (keyOf?.(key) ?? this.#onlyField(key))
    const found = ({ field }: MappedField): unknown => fields[field] ?? fromKey[field] ?? null
    const missing = this.mapping.key.find((mapped) => found(mapped) === null)
    if (missing !== undefined) return missing.field
    return this.mapping.key.map((mapped) => paramOf(mapped.column, found(mapped)))
  }

  #onlyField(key: string): Fields {
    const [only, ...others] = this.mapping.key
    if (only === undefined || others.length > 0) return {}
    return { [only.field]: keyParam(only.column, key) }
  }

  /** What is left of its time, in seconds; undefined for good. Whenever it is applied, it ends at the same time. */
  #ttlSeconds(record: WalRecord<P>): number | undefined {
    const ttlMs = record.op === 'delete' ? undefined : this.#settings.ttlMs(record)
    if (ttlMs === undefined) return undefined
    const from = Math.max(record.writtenAt, record.dueAt ?? 0)
    const leftMs = Math.min(from + ttlMs - this.#settings.clock.now(), ttlMs)
    return Math.ceil(leftMs / 1_000)
  }
}

function usingText(using: readonly number[]): string {
  return using.length === 0 ? 'USING TIMESTAMP ?' : 'USING TTL ? AND TIMESTAMP ?'
}
