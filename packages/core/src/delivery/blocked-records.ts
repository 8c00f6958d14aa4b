import type { Consumer, Delivery } from '../consumer/consumer.ts'
import type { WalErrorCode } from '../errors.ts'
import type { Alarms } from './alarms.ts'
import type { Entry } from './entry.ts'
import type { Lane } from './lane.ts'
import type { Lanes } from './lanes.ts'

export interface BlockedRecordsOptions {
  readonly targetName: string
  readonly consumer: Consumer
  readonly lanes: Lanes
  readonly alarms: Alarms
  /** Wait before the consumer is asked again, in ms. */
  backoffMs(failures: number): number
  report(code: WalErrorCode, what: string, cause: unknown): void
}

/** So long until a lane is looked at again of which something is out, in ms. */
const againMs = 50

/** Most records parked in one call, and about as many bytes. */
const largestCall = { records: 500, bytes: 4 * 2 ** 20 }

/**
 * Has the consumer park what waits behind a dead letter of its key, one call at a time. They stay in
 * their lanes. Of a key they go in their order and without gaps, so that after a crash what is parked
 * comes before what is not; of a lane of which something is out none goes until that has come back.
 */
export class BlockedRecords {
  readonly #options: BlockedRecordsOptions
  /** Something may wait in these that is not parked. */
  readonly #lanes = new Set<Lane>()
  readonly #asked = new WeakSet<Entry>()
  /** Of each lane the last one that was asked for: all before it were. */
  readonly #last = new WeakMap<Lane, Entry>()
  #calling: Promise<void> | undefined
  #failures = 0
  #comesBack = false

  constructor(options: BlockedRecordsOptions) {
    this.#options = options
  }

  /** The lane has changed. */
  look(lane: Lane): void {
    const { consumer, lanes } = this.#options
    if (consumer.park === undefined || !lanes.isBlocked(lane)) return
    this.#lanes.add(lane)
    if (this.#failures === 0) this.#call()
  }

  /** Resolves once no call is under way. */
  async idle(): Promise<void> {
    await this.#calling
  }

  #call(): void {
    if (this.#calling !== undefined) return
    if (this.#lanes.size === 0) {
      // Nothing is left of what had failed, so that no alarm will ring: whatever comes next is asked for at once.
      this.#failures = 0
      return
    }
    // Not at once: what comes with the same pull goes with the same call.
    this.#calling = Promise.resolve()
      .then(() => this.#park())
      .finally(() => {
        this.#calling = undefined
        if (this.#failures === 0 && !this.#comesBack) this.#call()
      })
  }

  async #park(): Promise<void> {
    const { consumer, alarms, backoffMs, report, targetName } = this.#options
    const entries = this.#next()
    if (entries.length === 0) {
      // What had failed waits no more: whatever comes next is asked for at once.
      this.#failures = 0
      return
    }
    try {
      await consumer.park?.(entries.map(({ delivery }): Delivery => delivery))
      this.#failures = 0
    } catch (error) {
      this.#failures++
      for (const entry of entries) this.#forget(entry)
      const what = `${entries.length} records for '${targetName}' that wait behind a dead letter could not be parked; they are held, and that is tried again`
      report('ERR_IO', what, error)
      alarms.set(backoffMs(this.#failures), () => this.#call())
    }
  }

  /** It is asked for again, with all that come after it. */
  #forget(entry: Entry): void {
    this.#asked.delete(entry)
    this.#last.delete(entry.lane)
    if (entry.state !== 'queued') return
    // Behind the others: what can be parked is not to wait for what cannot.
    this.#lanes.delete(entry.lane)
    this.#lanes.add(entry.lane)
  }

  #next(): readonly Entry[] {
    const found: Entry[] = []
    let bytes = 0
    for (const lane of this.#lanes) {
      if (lane.busy > 0) {
        this.#comeBack()
        continue
      }
      for (const entry of this.#unparked(lane)) {
        if (found.length === largestCall.records || bytes > largestCall.bytes) return found
        found.push(entry)
        bytes += entry.delivery.bytes
        this.#asked.add(entry)
        this.#last.set(lane, entry)
      }
      this.#lanes.delete(lane)
    }
    return found
  }

  /** What is out of a lane may come back to it without a word: those that go with a record which fails, for one. */
  #comeBack(): void {
    if (this.#comesBack) return
    this.#comesBack = true
    this.#options.alarms.set(againMs, () => {
      this.#comesBack = false
      if (this.#failures === 0) this.#call()
    })
  }

  *#unparked(lane: Lane): Iterable<Entry> {
    if (!this.#options.lanes.isBlocked(lane)) return
    // The copy that frees the key, or does not, goes before: until it has, those behind it could not be parked.
    if (lane.head?.redriven) return
    const last = this.#last.get(lane)
    let entry = last?.state === 'queued' ? last.next : lane.head
    for (; entry !== undefined; entry = entry.next) {
      // Neither the copy that frees the key, nor the place of a marker, whose record stands elsewhere.
      const waits = !entry.redriven && entry.owner === undefined
      if (waits && !this.#asked.has(entry)) yield entry
    }
  }
}
