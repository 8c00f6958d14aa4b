import type { SendOutcome } from '../../../src/producer/producer.ts'
import { systemRandom } from '../../../src/random.ts'
import type { StoredRecord } from '../../../src/record.ts'
import { RecordIds } from '../../../src/record-id.ts'
import { VirtualClock } from '../../../src/testing/virtual-clock.ts'
import { HeadChanges } from '../../../src/transaction/head-changes.ts'
import {
  memoryTransactionStore,
  type TransactionShelf,
} from '../../../src/transaction/memory-transactions.ts'
import { Transactions, type TransactionsContext } from '../../../src/transaction/transactions.ts'
import { VersionClock } from '../../../src/version.ts'
import { rows } from './rows.ts'

/** What processes share: the time, the store, and the queue that they send markers to. */
export class SharedPlace {
  readonly clock = new VirtualClock()
  readonly shelf: TransactionShelf = new Map()
  readonly store = memoryTransactionStore(this.shelf)
  readonly queue: StoredRecord[] = []
  readonly errors: unknown[] = []
  /** What the queue answers. */
  answer: () => SendOutcome = () => ({ durable: 'yes' })
  readonly #ids = new RecordIds(systemRandom)

  /** The transactions of one process; as through Kafka or SQS unless told otherwise. */
  process(given: Partial<TransactionsContext> = {}): Transactions {
    const { clock, store } = this
    const versions = new VersionClock({ region: 0, floor: 0n })
    return new Transactions({
      ...rows,
      ...{ store, clock, ownsStore: false, namesKeys: false },
      ...{ openForMs: 3_600_000, keepMs: 3_600_000, timeoutMs: 1000 },
      changes: new HeadChanges({ store: given.store ?? store, clock, onChange: () => {} }),
      newId: () => this.#ids.next(clock.now()),
      versions: (keys, steps) => versions.nextForAll(keys, steps, clock.now()),
      send: async (record) => {
        const outcome = this.answer()
        if (outcome.durable === 'yes') this.queue.push(record)
        return outcome
      },
      reportError: (error) => this.errors.push(error),
      ...given,
    })
  }
}

/** A transaction of one small mutation. */
export const one = (tx: {
  put(target: string, mutation: { key: string; payload: Uint8Array }): Promise<void>
}): Promise<void> => tx.put('base', { key: 'k', payload: Uint8Array.of(1) })

/** The same, and one of another target. */
export const two = async (tx: Parameters<typeof one>[0]): Promise<void> => {
  await one(tx)
  await tx.put('index', { key: 'k', payload: Uint8Array.of(1) })
}
