import type { Clock } from '../../../src/clock.ts'
import { systemClock } from '../../../src/clock.ts'
import { type } from '../../../src/config/payload-type.ts'
import { memoryQueue } from '../../../src/queue/memory-queue.ts'
import type { WalRecord } from '../../../src/record.ts'
import type { Target } from '../../../src/target/target.ts'
import { createWal } from '../../../src/wal.ts'
import { type Row, VersionedStore } from '../../testing/versioned-store.ts'

/** A store that says already at a write what it will never take. */
class StrictStore extends VersionedStore {
  /** Ids in the order in which they came. */
  readonly came: string[] = []

  validate({ payload }: WalRecord<Row>): string | undefined {
    return payload?.year === -1 ? 'no such year' : undefined
  }

  override async apply(records: readonly WalRecord<Row>[]) {
    this.came.push(...records.map(({ id }) => id))
    return super.apply(records)
  }
}

export interface FilmsWalOptions {
  readonly region?: { readonly name?: string; readonly number?: number }
  readonly clock?: Clock
  readonly targets?: Readonly<Record<string, Target<Row>>>
  readonly directory?: string
}

/** A wal of films that is delivered to a store, and to other targets as well. */
export async function filmsWal({ region, clock, targets, directory }: FilmsWalOptions = {}) {
  const store = new StrictStore()
  const wal = await createWal({
    ...(region && { region }),
    ...(clock && { clock }),
    ...(directory && { directory }),
    namespaces: {
      films: {
        payload: type<Row>(),
        ...(directory === undefined && { queue: memoryQueue() }),
        targets: { store, ...targets } as { readonly store: StrictStore } & typeof targets,
        retry: { minDelay: '5ms', maxDelay: '20ms' },
        breaker: { minOpen: '5ms', maxOpen: '20ms' },
      },
    },
  })
  await wal.start()
  return { wal, store, films: wal.namespace('films') }
}

/** A clock that shows an instant so far ahead that the highest versions are near it. */
export const lateClock: Clock = { ...systemClock, now: () => Number(2n ** 53n / 1000n) }
