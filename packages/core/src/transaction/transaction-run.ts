import type { Clock } from '../clock.ts'
import type { StoredRecord } from '../record.ts'
import type { BatchLimits } from '../target/target.ts'
import type { FreshSet } from './fresh-sets.ts'
import type { HeadChanges } from './head-changes.ts'
import { freshLot, lotsFor } from './transaction-reading.ts'
import type { TransactionRun } from './transaction-source.ts'
import type { TransactionHead, TransactionStore } from './transaction-store.ts'

export interface TransactionRunOptions {
  readonly store: TransactionStore
  readonly changes: HeadChanges
  readonly clock: Clock
  /** As it is now: its version is fixed. */
  readonly head: TransactionHead
  readonly target: string
  readonly marker: StoredRecord
  readonly progressed: boolean
  /** Its chunk, where it has one only, and that was just read. */
  readonly only?: Uint8Array | undefined
  /** All of it, where it was sealed here a moment ago. */
  readonly fresh?: FreshSet | undefined
  onFailed(index: number): void
  /** All of this target's are applied; of every target's, if `whole`. */
  onApplied(whole: boolean): void
  /** Not all of it was applied. */
  onStopped(): void
  /** The store did not give what it gave before: it has to be looked through anew. */
  onUnreadable(): void
}

/** Progress is noted once so much time has passed, in ms, or so many mutations were applied. */
const noteAfterMs = 100
/** Within so short a time, in ms, small transactions are applied as a whole, and are spared a note. */
const firstNoteAfterMs = 5
const noteAfter = 500

/** Reads on while the delivery applies, and keeps no more than what it gave last. */
export class OpenTransactionRun implements TransactionRun {
  readonly progressed: boolean
  readonly #options: TransactionRunOptions
  /** Undefined where all of them were there from the beginning. */
  readonly #lots: AsyncGenerator<StoredRecord[]> | undefined
  /** What was read and is not applied: from `#at` on. */
  #lot: readonly StoredRecord[] = []
  #at = 0
  /** How many were applied before this attempt, and are yet to be read and passed over. */
  #toSkip: number
  #isRead = false
  #applied: number
  #noted: number
  #notedAt: number

  constructor(options: TransactionRunOptions) {
    const { store, head, target, progressed, only, fresh, clock } = options
    this.#options = options
    this.progressed = progressed
    const { attemptEpoch } = options.marker
    this.#applied = head.targets[target]?.applied ?? 0
    this.#noted = this.#applied
    this.#notedAt = clock.monotonic()
    this.#toSkip = this.#applied
    const wanted = { head, target, attemptEpoch, only }
    if (fresh === undefined) this.#lots = lotsFor(store, wanted)
    else this.#take(freshLot(fresh, wanted))
    this.#isRead = fresh !== undefined
  }

  next(limits: BatchLimits): readonly StoredRecord[] | Promise<readonly StoredRecord[]> {
    return this.#ahead(limits) ?? this.#readOn(limits)
  }

  advance(count: number): Promise<void> | undefined {
    this.#at += count
    this.#applied += count
    const { head, target, clock } = this.#options
    if (this.#applied >= (head.targets[target]?.mutations ?? 0)) return undefined
    // Soon the first time: should the process die now, the attempt has got somewhere.
    const isFirst = this.#noted === (head.targets[target]?.applied ?? 0)
    const isMuch = this.#applied - this.#noted >= noteAfter
    const sinceMs = clock.monotonic() - this.#notedAt
    const isDue = isMuch || sinceMs >= (isFirst ? firstNoteAfterMs : noteAfterMs)
    return isDue ? this.#note() : undefined
  }

  failedAt({ transaction }: StoredRecord): void {
    this.#options.onFailed(transaction?.index ?? 0)
  }

  async end(): Promise<void> {
    const { changes, head, target, onApplied, onStopped } = this.#options
    await this.#lots?.return(undefined)
    const applied = this.#applied
    if (applied < (head.targets[target]?.mutations ?? 0)) {
      onStopped()
      return this.#note()
    }
    const changed = await changes.progress(head.id, target, () => ({ state: 'applied', applied }))
    onApplied(changed?.state === 'applied')
  }

  /** Undefined where more has to be read first. */
  #ahead({ maxRecords, maxBytes }: BatchLimits): readonly StoredRecord[] | undefined {
    const from = this.#at
    let bytes = 0
    let to = from
    for (; to - from < maxRecords; to++) {
      const mutation = this.#lot[to]
      if (mutation === undefined && !this.#isRead) return undefined
      if (mutation === undefined) break
      bytes += mutation.payload?.byteLength ?? 0
      if (bytes > maxBytes && to > from) break
    }
    return this.#lot.slice(from, to)
  }

  async #readOn(limits: BatchLimits): Promise<readonly StoredRecord[]> {
    for (;;) {
      const { value, done } = await this.#nextLot()
      if (done === true) this.#isRead = true
      else this.#take(value)
      const ahead = this.#ahead(limits)
      if (ahead !== undefined) return ahead
    }
  }

  #take(lot: readonly StoredRecord[]): void {
    const left = this.#lot.slice(this.#at)
    const further = lot.slice(this.#toSkip)
    this.#toSkip -= lot.length - further.length
    this.#lot = left.length === 0 ? further : [...left, ...further]
    this.#at = 0
  }

  async #nextLot(): Promise<IteratorResult<StoredRecord[], void>> {
    try {
      return (await this.#lots?.next()) ?? { value: undefined, done: true }
    } catch (error) {
      this.#options.onUnreadable()
      // Another attempt, by a marker that came twice, may have come to the end: the chunks go then.
      if (await this.#hasEnded()) return { value: undefined, done: true }
      await this.#note().catch(() => {})
      throw error
    }
  }

  async #hasEnded(): Promise<boolean> {
    const { store, head, target } = this.#options
    const { state } = (await store.get(head.id))?.targets[target] ?? {}
    return state === 'applied' || state === 'discarded'
  }

  /** It may be forgotten: those since the last note are applied again then. */
  async #note(): Promise<void> {
    const applied = this.#applied
    this.#notedAt = this.#options.clock.monotonic()
    if (applied === this.#noted) return
    this.#noted = applied
    const { changes, head, target } = this.#options
    // A marker that came twice may have another attempt at work, which has got further.
    await changes.progress(
      head.id,
      target,
      (known) => (known.applied < applied ? { applied } : undefined),
      { lasting: false },
    )
  }
}
