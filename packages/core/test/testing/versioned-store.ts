import type { WalRecord } from '../../src/record.ts'
import { applied, permanent, superseded, type Target } from '../../src/target/target.ts'
import { changeRow, type VersionedRow } from '../../src/target/versioned-row.ts'

export interface Row {
  readonly title?: string
  readonly year?: number
}

interface Held {
  readonly version: bigint
  /** Undefined for a tombstone. */
  readonly row: Row | undefined
}

/** The smallest target with idempotency `'version'`: a map that keeps tombstones. */
export class VersionedStore implements Target<Row> {
  readonly idempotency = 'version'
  readonly #held = new Map<string, Held>()

  async apply(records: readonly WalRecord<Row>[]) {
    return records.map((record) => this.applyOne(record))
  }

  applyOne(record: WalRecord<Row>) {
    const { key = '', version } = record
    if (record.payload?.year === refusedYear) return permanent('YEAR', 'No such year.')
    if (!this.isNewer(version, this.#held.get(key)?.version ?? 0n)) return superseded
    this.#held.set(key, { version, row: this.rowOf(record, this.#held.get(key)?.row) })
    return applied
  }

  isNewer(version: bigint, than: bigint): boolean {
    return version > than
  }

  rowOf({ op, payload }: WalRecord<Row>, before: Row | undefined): Row | undefined {
    if (op === 'put') return { ...payload }
    return op === 'delete' ? undefined : { ...before, ...payload }
  }

  async read(key: string): Promise<Row | undefined> {
    return this.#held.get(key)?.row
  }

  async health(): Promise<void> {}
}

const refusedYear = -1

/** The same with a version for each field that was patched: patches may come in any order. */
export class FieldStore extends VersionedStore {
  readonly #rows = new Map<string, VersionedRow>()

  override applyOne({ key = '', op, version, payload }: WalRecord<Row>) {
    if (payload?.year === refusedYear) return permanent('YEAR', 'No such year.')
    const next = changeRow(this.#rows.get(key) ?? nothing, { op, version, payload })
    if (next === 'superseded') return superseded
    if (typeof next !== 'string') this.#rows.set(key, next)
    return applied
  }

  override async read(key: string): Promise<Row | undefined> {
    const { value, part, patched } = this.#rows.get(key) ?? nothing
    return (value ?? (patched.size > 0 ? part : undefined)) as Row | undefined
  }
}

const nothing: VersionedRow = { since: 0n, value: undefined, part: {}, patched: new Map() }

/** What the target suite needs to make payloads for it. */
export const rowPayloads = {
  put: (key: string, number: number): Row => ({ title: `${key} ${number}`, year: 1900 + number }),
  patch: (_key: string, number: number): Partial<Row> => ({ year: 2000 + number }),
  refused: (): Row => ({ title: 'refused', year: refusedYear }),
  patchOfNothing: 'row' as const,
}
