import type { WalRecord } from '../../../src/record.ts'
import { applied, type Outcome, superseded, type Target } from '../../../src/target/target.ts'
import type { Row } from '../../testing/versioned-store.ts'

interface HeldRow {
  /** Of the last put or delete. */
  whole: bigint
  readonly fields: Map<string, { readonly version: bigint; readonly value: unknown }>
}

/** A store that compares versions field by field: patches come to the same in any order. */
export class FieldStore implements Target<Row> {
  readonly idempotency = 'version'
  readonly guardsFields = true
  readonly #rows = new Map<string, HeldRow>()

  async apply(records: readonly WalRecord<Row>[]): Promise<readonly Outcome[]> {
    return records.map((record) => this.#applyOne(record))
  }

  async read(key: string): Promise<Row | undefined> {
    const fields = [...(this.#rows.get(key)?.fields ?? [])]
    if (fields.length === 0) return undefined
    return Object.fromEntries(fields.map(([name, { value }]) => [name, value]))
  }

  /** Forgets the row, and that there was one, if nothing of it is left. */
  remove(key: string): void {
    if (this.#rows.get(key)?.fields.size === 0) this.#rows.delete(key)
  }

  isNewer(version: bigint, than: bigint): boolean {
    return version > than
  }

  #applyOne({ key = '', op, version, payload }: WalRecord<Row>): Outcome {
    const row = this.#rows.get(key) ?? { whole: 0n, fields: new Map() }
    this.#rows.set(key, row)
    if (!this.isNewer(version, row.whole)) return superseded
    if (op !== 'patch') {
      row.whole = version
      for (const [name, field] of row.fields) {
        if (this.isNewer(version, field.version)) row.fields.delete(name)
      }
    }
    for (const [name, value] of Object.entries(op === 'delete' ? {} : (payload ?? {}))) {
      if (!this.isNewer(version, row.fields.get(name)?.version ?? 0n)) continue
      row.fields.set(name, { version, value })
    }
    return applied
  }
}
