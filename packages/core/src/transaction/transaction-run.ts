import type { Clock } from '../clock.ts'
import type { StoredRecord } from '../record.ts'
import type { BatchLimits } from '../target/target.ts'
import type { HeadChanges } from './head-changes.ts'
import { mutationsFor } from './transaction-reading.ts'
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
  onFailed(index: number): void
  /** All of this target's are applied; of every target's, if `whole`. */
  onApplied(whole: boolean): void
}

/** Progress is noted once so much time has passed, in ms, or so many mutations were applied. */
const noteAfterMs = 100
const noteAfter = 500

/** Reads on while the delivery applies, and keeps no more than what it gave last. */
export class OpenTransactionRun implements TransactionRun {
  readonly progressed: boolean
  readonly #options: TransactionRunOptions
  readonly #mutations: AsyncGenerator<StoredRecord>
  /** Read and not applied. */
  #ahead: StoredRecord[] = []
  #read = 0
  #applied: number
  #noted: number
  #notedAt: number

  constructor(options: TransactionRunOptions) {
    const { store, head, target, progressed, clock } = options
    this.#options = options
    this.progressed = progressed
    this.#mutations = mutationsFor(store, head, target)
    this.#applied = head.targets[target]?.applied ?? 0
    this.#noted = this.#applied
    this.#notedAt = clock.monotonic()
  }

  async next({ maxRecords, maxBytes }: BatchLimits): Promise<readonly StoredRecord[]> {
    let bytes = 0
    for (let at = 0; at < maxRecords; at++) {
      if (at === this.#ahead.length && !(await this.#readOne())) return this.#ahead.slice(0, at)
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
    // At once the first time: should the process die now, the attempt has got somewhere.
    const isFirst = this.#noted === this.#skipped
    const isMuch = this.#applied - this.#noted >= noteAfter
    if (isFirst || isMuch || clock.monotonic() - this.#notedAt >= noteAfterMs) await this.#note()
  }

  failedAt({ transaction }: StoredRecord): void {
    this.#options.onFailed(transaction?.index ?? 0)
  }

  async end(): Promise<void> {
    const { changes, head, target, onApplied } = this.#options
    await this.#mutations.return(undefined)
    const applied = this.#applied
    if (applied < (head.targets[target]?.mutations ?? 0)) return this.#note()
    const changed = await changes.progress(head.id, target, () => ({ state: 'applied', applied }))
    onApplied(changed?.state === 'applied')
  }

  async #readOne(): Promise<boolean> {
    for (;;) {
      const { value, done } = await this.#nextOne()
      if (done === true) return false
      this.#read++
      if (this.#read <= this.#skipped) continue
      this.#ahead.push({ ...value, attemptEpoch: this.#options.marker.attemptEpoch })
      return true
    }
  }

  async #nextOne(): Promise<IteratorResult<StoredRecord, void>> {
    try {
      return await this.#mutations.next()
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
