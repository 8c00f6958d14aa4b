import type { Clock } from '../../../src/clock.ts'
import type { ForwardedRecord, WalRecord } from '../../../src/record.ts'
import { type Row, VersionedStore } from '../../testing/versioned-store.ts'
import { FieldStore } from './field-store.ts'

/** What may be broken, to prove that the check notices. */
export interface MeshDoubles {
  /** Whether a change replaces what is there. Default: the higher version does. */
  isNewer?(version: bigint, than: bigint): boolean
  /** Stores keep one version per row, and say that they compare field by field. */
  readonly onePerRow?: boolean
  /** True for a record that gets lost on its way, though the answer is yes. */
  loses?(record: Pick<ForwardedRecord, 'op'>): boolean
  /** A store forgets a delete after so long, in ms, and does not say so. */
  readonly forgetsAfterMs?: number
}

/** The store of a region, which stands outside of the machine that crashes. */
export class Store extends FieldStore {
  isDown = false
  readonly seen = new Map<string, WalRecord<Row>>()
  readonly #doubles: MeshDoubles
  readonly #rows = new VersionedStore()
  readonly #clock: Clock
  /** By key: when it was deleted, in monotonic ms. */
  readonly #deletedAt = new Map<string, number>()

  constructor(doubles: MeshDoubles, clock: Clock) {
    super()
    this.#doubles = doubles
    this.#clock = clock
  }

  override async apply(records: readonly WalRecord<Row>[]) {
    if (this.isDown) throw refused('ECONNREFUSED')
    for (const record of records) this.seen.set(record.id, record)
    const { forgetsAfterMs } = this.#doubles
    if (forgetsAfterMs !== undefined) this.#forget(records, forgetsAfterMs)
    return this.#doubles.onePerRow ? this.#rows.apply(records) : super.apply(records)
  }

  #forget(records: readonly WalRecord<Row>[], afterMs: number): void {
    const now = this.#clock.monotonic()
    for (const [key, at] of this.#deletedAt) {
      if (now - at < afterMs) continue
      this.#deletedAt.delete(key)
      this.remove(key)
    }
    for (const { key = '', op } of records) {
      if (op === 'delete') this.#deletedAt.set(key, now)
      else this.#deletedAt.delete(key)
    }
  }

  override async read(key: string): Promise<Row | undefined> {
    return this.#doubles.onePerRow ? this.#rows.read(key) : super.read(key)
  }

  override isNewer(version: bigint, than: bigint): boolean {
    return this.#doubles.isNewer?.(version, than) ?? version > than
  }
}

export function refused(code: string): Error {
  return Object.assign(new Error(`the way is not there: ${code}`), { code })
}

/** What the changes come to in the order of their versions. */
export function rowOf(changes: readonly WalRecord<Row>[]): Row | undefined {
  const inOrder = [...changes].sort((a, b) => (a.version < b.version ? -1 : 1))
  let row: Row | undefined
  for (const { op, payload } of inOrder) {
    if (op === 'delete') row = undefined
    else row = op === 'put' ? payload : { ...row, ...payload }
  }
  return row
}

export function shown(row: Row | undefined): string {
  return row === undefined ? 'nothing' : `${row.title} of ${row.year}`
}
