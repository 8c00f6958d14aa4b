import type { Delivery } from '../consumer/consumer.ts'
import type { Fate } from './drain.ts'

/** The keys of some records, or that they may be any. */
type Keys = Set<string> | 'any'

/** Of more records than these the keys are not kept. */
const mostKeys = 1_000

/**
 * The keys of the records that have ended since the acks were synced last. A power cut could bring such a record back, behind
 * those mutations of its key that were noted as applied and are not applied again. So its ack has to be lasting before a transaction
 * of its key begins. Other transactions need not wait for a sync, which takes longer than most of them.
 *
 * A transaction that was applied does not count: its head says so for good before it is acked, and whatever comes of its ack, it is not
 * applied again.
 */
export class UnsyncedAcks {
  /** Since the last sync began. What the delivery before this one has left is not known. */
  #recent: Keys = 'any'
  /** Those before it, of each sync under way. */
  readonly #syncing = new Set<Keys>()

  /** The record has come to its end. To be told before it is acked. */
  ended({ record }: Delivery, fate: Fate): void {
    if (this.#recent === 'any') return
    // What has a place in a transaction is its marker.
    if (record.transaction !== undefined) {
      // It comes again, and what is left of it is tried once more.
      if (fate !== 'applied' && fate !== 'superseded') this.#recent = 'any'
    } else if (record.key !== undefined) {
      if (this.#recent.size < mostKeys) this.#recent.add(record.key)
      else this.#recent = 'any'
    }
  }

  /** True if one of these keys may be that of a record whose ack is not lasting. */
  mayHave(keys: readonly string[]): boolean {
    return [this.#recent, ...this.#syncing].some(
      (unsynced) =>
        unsynced === 'any' || (unsynced.size > 0 && keys.some((key) => unsynced.has(key))),
    )
  }

  /** Has what has ended so far synced, by this call; rejects as it does. */
  async syncedBy(sync: () => Promise<void>): Promise<void> {
    const taken = this.#recent
    this.#recent = new Set()
    this.#syncing.add(taken)
    try {
      await sync()
    } catch (error) {
      this.#recent = 'any'
      throw error
    } finally {
      this.#syncing.delete(taken)
    }
  }
}
