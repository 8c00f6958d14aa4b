import { applied, type Outcome } from '../../../../src/target/target.ts'
import { makeRecord } from '../../../../src/testing/index.ts'
import type { Row } from '../../../testing/versioned-store.ts'
import { FieldStore, VersionedStore } from '../../../testing/versioned-store.ts'
import type { Received, Reply } from './application.ts'

/** The JSON of a record, as this library sends it. */
interface Sent {
  readonly id: string
  readonly key: string
  readonly op: 'put' | 'patch' | 'delete'
  readonly version: string
  readonly payload?: Row
}

/** How an application tells a repetition. */
export type Guard = 'id' | 'version' | 'fields' | 'none'

/** What an application keeps of films, guarded by the id or by the version of what it is sent, of a row or of each field. */
export class Films {
  readonly #guard: Guard
  readonly #seen = new Set<string>()
  readonly #store: VersionedStore

  constructor(guard: Guard) {
    this.#guard = guard
    const Store = {
      version: VersionedStore,
      fields: FieldStore,
      id: UnguardedStore,
      none: UnguardedStore,
    }[guard]
    this.#store = new Store()
  }

  apply({ id, key, op, version, payload }: Sent): Outcome {
    if (this.#guard === 'id' && this.#seen.has(id)) return applied
    const record = makeRecord<Row>({ id, key, op, version: BigInt(version), payload } as never)
    const outcome = this.#store.applyOne(record)
    if (outcome.status === 'applied') this.#seen.add(id)
    return outcome
  }

  read(key: string): Promise<Row | undefined> {
    return this.#store.read(key)
  }

  /** Answers a request that carries one record. */
  answerOne(request: Received): Reply {
    const outcome = this.apply(JSON.parse(request.text) as Sent)
    if (outcome.status === 'applied') return { status: 200 }
    if (outcome.status === 'superseded') return { status: 409 }
    return { status: 422, body: outcome }
  }

  /** Answers a request that carries several, each with its result. */
  answerMany(request: Received): Reply {
    const { records } = JSON.parse(request.text) as { readonly records: readonly Sent[] }
    const results = records.map((record) => ({ id: record.id, ...this.apply(record) }))
    return { status: 207, body: { results } }
  }
}

class UnguardedStore extends VersionedStore {
  override isNewer(): boolean {
    return true
  }
}
