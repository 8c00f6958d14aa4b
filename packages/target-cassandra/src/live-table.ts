import type { CassandraSettings } from './cassandra-options.ts'
import { type Mapping, mappingOf } from './mapping.ts'
import { RowStatements } from './row-statements.ts'
import type { TableName } from './table-name.ts'
import { readTable } from './table-shape.ts'

/** Age at which the table is looked at again for a write that does not fit, in ms: such writes come in crowds. */
const shortestAgeMs = 1_000

/**
 * The mapped table as it was when last looked at. A table changes while a target is at work: a column is
 * added, another dropped. So before a record is blamed for not fitting, the table is looked at again.
 */
export class LiveTable<P> {
  readonly name: TableName
  readonly #settings: CassandraSettings<P>
  #statements: RowStatements<P> | undefined
  #reading: Promise<void> | undefined
  #readAtMs = Number.NEGATIVE_INFINITY

  constructor(settings: CassandraSettings<P>, name: TableName) {
    this.#settings = settings
    this.name = name
  }

  /** Undefined until it was read once. */
  get statements(): RowStatements<P> | undefined {
    return this.#statements
  }

  /** Reads it if it has not been. Rejects with `ERR_CONFIG`, or the driver's error. */
  async load(): Promise<RowStatements<P>> {
    if (this.#statements === undefined) await this.#read()
    return this.#statements as RowStatements<P>
  }

  /** Reads it again. Rejects where table and options do not fit any more: the old statements stay. */
  recheck(): Promise<void> {
    return this.#read()
  }

  /** The same in the background, not too often, and without a word of what goes wrong. */
  recheckSoon(): void {
    const ageMs = this.#settings.clock.monotonic() - this.#readAtMs
    if (ageMs >= shortestAgeMs) this.#read().catch(() => {})
  }

  /** How long its deletes are remembered, in ms, as the table says now. */
  async gcGraceMs(): Promise<number> {
    await this.#read()
    return (this.#statements as RowStatements<P>).mapping.table.gcGraceMs
  }

  #read(): Promise<void> {
    this.#reading ??= this.#readOnce().finally(() => {
      this.#reading = undefined
    })
    return this.#reading
  }

  async #readOnce(): Promise<void> {
    const { client, executionProfile } = this.#settings
    await client.connect()
    const mapping = mappingOf(this.#settings, await readTable(client, this.name, executionProfile))
    this.#readAtMs = this.#settings.clock.monotonic()
    const before = this.#statements?.mapping
    if (before !== undefined && isSame(before, mapping)) return
    this.#statements = new RowStatements(this.#settings, mapping)
  }
}

function isSame(a: Mapping, b: Mapping): boolean {
  return signature(a) === signature(b)
}

function signature({ table, values }: Mapping): string {
  const columns = [...table.columns.values()].map(
    ({ name, type, kind }) => `${name} ${type} ${kind}`,
  )
  return JSON.stringify([columns.sort(), [...values.keys()], table.gcGraceMs])
}
