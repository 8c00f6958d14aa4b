import type { Clock } from '../clock.ts'
import type { StoredRecord } from '../record.ts'
import type { BatchLimits } from '../target/target.ts'
import type { HeadChanges } from './head-changes.ts'
import { lotsFor } from './transaction-reading.ts'
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
  onFailed(index: number): void
  /** All of this target's are applied; of every target's, if `whole`. */
  onApplied(whole: boolean): void
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
  readonly #lots: AsyncGenerator<StoredRecord[]>
  /** What was read of a chunk, and how many of it are taken. */
  #lot: readonly StoredRecord[] = []
  #taken = 0
  /** Read and not applied. */
  #ahead: StoredRecord[] = []
  #read = 0
  #applied: number
  #noted: number
  #notedAt: number

  constructor(options: TransactionRunOptions) {
    const { store, head, target, progressed, only, clock } = options
    this.#options = options
    this.progressed = progressed
    const { attemptEpoch } = options.marker
    this.#lots = lotsFor(store, { head, target, attemptEpoch, only })
    this.#applied = head.targets[target]?.applied ?? 0
    this.#noted = this.#applied
    this.#notedAt = clock.monotonic()
  }

  async next({ maxRecords, maxBytes }: BatchLimits): Promise<readonly StoredRecord[]> {
    let bytes = 0
    for (let at = 0; at < maxRecords; at++) {
      const isThere = at < this.#ahead.length || this.#takeOne() || (await this.#readOne())
      if (!isThere) return this.#ahead.slice(0, at)
      bytes += bytesOf(this.#ahead[at])
      if (bytes > maxBytes && at > 0) return this.#ahead.slice(0, at)
    }
    return this.#ahead.slice(0, maxRecords)
  }

  async advance(count: number): Promise<void> {
    this.#ahead = this.#ahead.slice(count)
    this.#applied += count
    const { head, target, clock } = this.#options
    if (this.#applied >= (head.targets[target]?.mutations ?? 0)) return
    // Soon the first time: should the process die now, the attempt has got somewhere.
    const isFirst = this.#noted === this.#skipped
    const isMuch = this.#applied - this.#noted >= noteAfter
    const sinceMs = clock.monotonic() - this.#notedAt
    if (isMuch || sinceMs >= (isFirst ? firstNoteAfterMs : noteAfterMs)) await this.#note()
  }

  failedAt({ transaction }: StoredRecord): void {
    this.#options.onFailed(transaction?.index ?? 0)
  }

  async end(): Promise<void> {
    const { changes, head, target, onApplied } = this.#options
    await this.#lots.return(undefined)
    const applied = this.#applied
    if (applied < (head.targets[target]?.mutations ?? 0)) return this.#note()
    const changed = await changes.progress(head.id, target, () => ({ state: 'applied', applied }))
    onApplied(changed?.state === 'applied')
  }

  /** Puts the next one to those ahead. False if there is none, without another look at the store. */
  #takeOne(): boolean {
    while (this.#taken < this.#lot.length) {
      const mutation = this.#lot[this.#taken++] as StoredRecord
      this.#read++
      if (this.#read <= this.#skipped) continue
      this.#ahead.push(mutation)
      return true
    }
    return false
  }

  async #readOne(): Promise<boolean> {
    for (;;) {
      if (this.#takeOne()) return true
      const { value, done } = await this.#nextLot()
      if (done === true) return false
      this.#lot = value
      this.#taken = 0
    }
  }

  async #nextLot(): Promise<IteratorResult<StoredRecord[], void>> {
    try {
      return await this.#lots.next()
    } catch (error) {
      // Another attempt, by a marker that came twice, may have come to the end: the chunks go then.
      if (!(await this.#hasEnded())) throw error
      return { value: undefined, done: true }
    }
  }

  async #hasEnded(): Promise<boolean> {
    const { store, head, target } = this.#options
    const { state } = (await store.get(head.id))?.targets[target] ?? {}
    return state === 'applied' || state === 'discarded'
  }

  /** Those that were applied before this attempt. */
  get #skipped(): number {
    const { head, target } = this.#options
    return head.targets[target]?.applied ?? 0
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

function bytesOf(record: StoredRecord | undefined): number {
  return record?.payload?.byteLength ?? 0
}
