import type { Outcome, WalRecord } from '@daybook/core'
import { isRefused, type Place, placeOf } from './document-place.ts'
import type { ElasticsearchCalls } from './elasticsearch-calls.ts'
import type { ElasticsearchSettings } from './elasticsearch-options.ts'
import { checkSetUp } from './set-up.ts'

/**
 * Tells whether the store is well: the cluster, and the shard that was missing last. An index may lack
 * one shard of many, which the cluster does not say. Were the breaker to close then, core would take the
 * records of that shard, which fail again while all others succeed, for ones that bring the store down.
 */
export class TargetHealth<P> {
  readonly #settings: ElasticsearchSettings<P>
  readonly #calls: ElasticsearchCalls<P>
  /** Where the record belongs for which the store was unavailable last; undefined once it answers there. */
  #missing: Place | undefined
  /** True since a record found the store unavailable, until what all records need is there. */
  #isInDoubt = false

  constructor(settings: ElasticsearchSettings<P>, calls: ElasticsearchCalls<P>) {
    this.#settings = settings
    this.#calls = calls
  }

  /** Is told what an apply came to. Where each record names its index, one of them must not hold up the others. */
  saw(records: readonly WalRecord<P>[], outcomes: readonly Outcome[]): void {
    const at = outcomes.findLastIndex(({ status }) => status === 'unavailable')
    if (at >= 0) this.#isInDoubt = true
    const record = records[at]
    if (record === undefined || !this.#calls.shared.index) return
    const place = placeOf(this.#settings, record)
    if (!isRefused(place)) this.#missing = place
  }

  /** Resolves if records can be expected to be taken; rejects with what is amiss. */
  async check(signal: AbortSignal): Promise<void> {
    await this.#calls.health(signal)
    if (this.#isInDoubt) await checkSetUp(this.#settings, this.#calls, signal)
    this.#isInDoubt = false
    const place = this.#missing
    if (place === undefined) return
    await this.#calls.shardHealth(place, signal)
    // Meanwhile another may have been found missing.
    if (this.#missing === place) this.#missing = undefined
  }
}
