import type { Clock } from '../clock.ts'
import type { Consumer, Delivery, Release } from '../consumer/consumer.ts'
import { type DeadLetterQueue, deadLetterId } from '../dlq/dlq.ts'
import type { WalErrorCode } from '../errors.ts'
import { Acker } from './acker.ts'
import type { Alarms } from './alarms.ts'
import { BlockedRecords } from './blocked-records.ts'
import type { Blockers } from './blockers.ts'
import type { DeliveryEvents } from './delivery-events.ts'
import type { Fate } from './drain.ts'
import type { Entry } from './entry.ts'
import type { Lanes } from './lanes.ts'
import { Leases } from './leases.ts'
import { LetterWatch } from './letter-watch.ts'
import { letterOf } from './letters.ts'
import { type Parked, Parking } from './parking.ts'
import type { MutableCounters } from './status.ts'
import { Takeovers } from './takeovers.ts'
import type { UnsyncedAcks } from './unsynced-acks.ts'

export interface EndingsOptions {
  readonly targetName: string
  readonly consumer: Consumer
  readonly deadLetters: DeadLetterQueue | undefined
  readonly sharesLetters?: boolean | undefined
  readonly clock: Clock
  readonly alarms: Alarms
  readonly lanes: Lanes
  readonly blockers: Blockers
  readonly counters: MutableCounters
  /** Undefined where nobody asks for it. */
  readonly unsyncedAcks?: UnsyncedAcks | undefined
  readonly events: DeliveryEvents
  /** Wait before the queue or the dead-letter queue is asked again, in ms. */
  backoffMs(failures: number): number
  /** True while nothing is pulled because what is held has reached its bound. */
  isFull(): boolean
  /** A record has come to its end. */
  onEnded(delivery: Delivery, fate: Fate): void
  /** Something came to its end outside of a batch: more may go now. */
  onChange(): void
  report(code: WalErrorCode, what: string, cause: unknown): void
}

type Lease = Delivery['lease']

/**
 * Brings records to their end: acked once done, acked once their dead letter is durable, or given
 * back. It is the only one that does, so that none is forgotten and none ends twice.
 */
export class Endings {
  readonly #options: EndingsOptions
  /** Letters that have gone, or stay though they should have. */
  #removed = 0
  /** Letters on their way out, by id. */
  readonly #removals = new Map<string, { readonly lease: Lease; readonly done: Promise<void> }>()
  readonly #acker: Acker
  readonly #parking: Parking | undefined
  readonly #leases: Leases
  readonly #blocked: BlockedRecords
  readonly #takeovers: Takeovers

  constructor(options: EndingsOptions) {
    const { consumer, alarms, backoffMs, deadLetters, report, onChange } = options
    this.#options = options
    this.#blocked = new BlockedRecords(options)
    const held = (key: string): void => this.#held(key)
    this.#takeovers = new Takeovers({
      ...{ ...options, held, isRemoving: (id) => this.isRemoving(id) },
      removed: () => this.#lostRemovals(),
    })
    this.#leases = new Leases((entries) => this.#leasesLost(entries))
    this.#acker = new Acker({
      consumer,
      alarms,
      backoffMs,
      onError: (error) => report('ERR_IO', 'Acks failed and are tried again', error),
      onAcked: onChange,
    })
    this.#parking =
      deadLetters &&
      new Parking({
        deadLetters,
        alarms,
        backoffMs,
        onParked: (parked) => this.#parked(parked),
        onError: (error, parked) => this.#parkingFailed(error, parked),
      })
    if (deadLetters !== undefined && options.sharesLetters) {
      new LetterWatch({
        ...{ ...options, deadLetters, held, isRemoving: (id) => this.isRemoving(id) },
        dealtWith: () => options.blockers.removed + this.#removed,
      })
    }
  }

  /** Records whose acks have not gone through. */
  get unacked(): number {
    return this.#acker.pending
  }

  /** Records whose dead letters are not durable yet. */
  get parked(): number {
    return this.#parking?.size ?? 0
  }

  /** Those same records. */
  parkedEntries(): Iterable<Entry> {
    return this.#parking?.entries() ?? []
  }

  /** A new record: its lease can be lost, and its key may wait for a dead letter. */
  watch(entry: Entry): void {
    this.#leases.watch(entry)
    this.#blocked.look(entry.lane)
  }

  /** Resolves once the letters are known of what the consumer was given; undefined where they are. */
  learn(signal: AbortSignal): Promise<void> | undefined {
    return this.#takeovers.learn(signal)
  }

  /** These records are done with. */
  done(entries: readonly Entry[], fate: Fate): void {
    const { lanes, onEnded, unsyncedAcks } = this.#options
    const deliveries: Delivery[] = []
    for (const entry of entries) {
      const { delivery } = entry
      lanes.end(entry)
      unsyncedAcks?.ended(delivery, fate)
      if (delivery.lease !== undefined) this.#leases.forget(entry)
      if (delivery.record.attemptEpoch > 0) this.#redrivenEnded(delivery, fate)
      else deliveries.push(delivery)
      onEnded(delivery, fate)
    }
    for (const { lane } of entries) {
      lanes.refresh(lane)
      this.#blocked.look(lane)
    }
    this.#acker.ack(deliveries)
  }

  /** These records are meant for other targets. */
  skip(deliveries: readonly Delivery[]): void {
    for (const delivery of deliveries) this.#options.onEnded(delivery, 'skipped')
    this.#acker.ack(deliveries)
  }

  /** These records become dead letters; under `deadLetters: 'off'` they are lost. */
  bury(entries: readonly Entry[]): void {
    const { targetName, clock } = this.#options
    const lost = entries.filter((entry) => entry.lost)
    if (lost.length > 0) this.drop(lost)
    const ours = entries.filter((entry) => entry.state === 'out')
    if (this.#parking === undefined) this.#lose(ours)
    else {
      const now = clock.now()
      this.#parking.park(ours.map((entry) => ({ entry, letter: letterOf(entry, targetName, now) })))
    }
  }

  /** The leases of these were lost while they were out: whatever came of them is dropped. */
  drop(entries: readonly Entry[]): void {
    const { lanes, report, targetName } = this.#options
    for (const entry of entries) {
      lanes.end(entry)
      this.#leases.forget(entry)
    }
    for (const { lane } of entries) lanes.refresh(lane)
    const what = `The results of ${entries.length} records for '${targetName}' were dropped: their leases were lost meanwhile, and they will be delivered again`
    report('ERR_OWNERSHIP_LOST', what, undefined)
    void this.release(entries)
  }

  /** Gives leases back: of each key the last record first. */
  async release(entries: readonly Entry[]): Promise<void> {
    const lastFirst = entries.toSorted((a, b) => (a.isBefore(b) ? 1 : -1))
    await this.#release(
      lastFirst.map((entry) => ({
        delivery: entry.delivery,
        attempts: entry.attempts(),
        delayMs: 0,
      })),
    )
  }

  /** Gives back what came too late to be delivered. */
  async refuse(deliveries: readonly Delivery[]): Promise<void> {
    await this.#release(
      deliveries
        .toReversed()
        .map((delivery) => ({ delivery, attempts: delivery.attempts, delayMs: 0 })),
    )
  }

  /** True while a letter is being removed. */
  get isRemovingAny(): boolean {
    return this.#removals.size > 0
  }

  /** True while the letter is being removed, since the copy of its record has come to its end. */
  isRemoving(letterId: string): boolean {
    return this.#removals.has(letterId)
  }

  /** Resolves once every ack has gone through. */
  flush(): Promise<void> {
    return this.#acker.flush()
  }

  /** Resolves once nothing is on its way into the dead-letter queue, or out of it, nor being parked. */
  async parkingIdle(): Promise<void> {
    await this.#parking?.idle()
    await this.#blocked.idle()
    await Promise.all([...this.#removals.values()].map(({ done }) => done))
  }

  async #release(releases: readonly Release[]): Promise<void> {
    if (releases.length === 0) return
    try {
      await this.#options.consumer.release(releases)
    } catch (error) {
      this.#options.report('ERR_IO', 'Leases could not be given back', error)
    }
  }

  #lose(entries: readonly Entry[]): void {
    const { counters, events } = this.#options
    counters.lost += entries.length
    this.done(entries, 'lost')
    for (const { delivery, history } of entries) {
      events.lost({ record: delivery.record, attempts: history })
    }
  }

  #parked(parked: readonly Parked[]): void {
    const { blockers, counters, events, onChange } = this.#options
    const ours = parked.filter(({ entry }) => entry.state === 'out')
    counters.deadLettered += ours.length
    for (const { entry } of ours) blockers.add(entry.delivery.record)
    this.done(
      ours.map(({ entry }) => entry),
      'dead',
    )
    for (const { letter } of ours) events.deadLettered(letter)
    onChange()
  }

  #parkingFailed(error: unknown, parked: readonly Parked[]): void {
    const { targetName, report } = this.#options
    const what = `${parked.length} records that cannot be applied to '${targetName}' could not be put into the dead-letter queue; they are kept, and that is tried again`
    report('ERR_DLQ_WRITE', what, error)
  }

  /** The copy of a dead letter has come to its end: the letter itself, if it is still there, is void. */
  #redrivenEnded(delivery: Delivery, fate: Fate): void {
    const { blockers, lanes, targetName } = this.#options
    const { record } = delivery
    const { id, attemptEpoch } = record
    const earlier = deadLetterId({ id, attemptEpoch: attemptEpoch - 1 }, targetName)
    if (fate !== 'dead' && blockers.remove(record) && record.key !== undefined) {
      lanes.refreshKey(record.key)
    }
    const removal = this.#ackAndRemoveLetter(delivery, earlier)
    this.#removals.set(earlier, { lease: delivery.lease, done: removal })
    void removal.finally(() => {
      this.#removals.delete(earlier)
      this.#removed++
      this.#options.onChange()
    })
  }

  /**
   * Only once the copy is acked, for good, is its letter removed: after a crash in between, the
   * letter holds its key back as before. Were the letter gone and the copy not, those that wait for
   * it would go first.
   */
  async #ackAndRemoveLetter(delivery: Delivery, earlier: string): Promise<void> {
    const { deadLetters, report } = this.#options
    await this.#acker.ackAlone(delivery)
    try {
      // Its lease was lost meanwhile: it comes again elsewhere, and its letter goes there.
      if (delivery.lease?.aborted) return
      // Where all are listed it is there only after a crash, or while it held its key; else nobody knows.
      await (deadLetters?.removeIfSeen?.([earlier]) ?? deadLetters?.remove([earlier]))
    } catch (error) {
      report('ERR_IO', `The dead letter ${earlier} stays, although its record came again`, error)
    }
  }

  /** Resolves once those letters have gone, or stay, whose copies have lost their leases. */
  async #lostRemovals(): Promise<void> {
    const lost = [...this.#removals.values()].filter(({ lease }) => lease?.aborted)
    await Promise.all(lost.map(({ done }) => done))
  }

  /** What is here of a key that waits now is held, and parked. */
  #held(key: string): void {
    const lane = this.#options.lanes.refreshKey(key)
    if (lane !== undefined) this.#blocked.look(lane)
  }

  #leasesLost(entries: readonly Entry[]): void {
    const { blockers, consumer, lanes, onChange } = this.#options
    // Where nobody can look for a copy, that one may be on its way would be said for ever.
    const copies = consumer.pullAhead === undefined ? [] : entries
    for (const { delivery } of copies) blockers.lost(delivery.record)
    const queued = entries.filter((entry) => entry.state === 'queued')
    for (const entry of entries) entry.lost = entry.state === 'out'
    for (const entry of queued) lanes.remove(entry)
    for (const { lane } of queued) this.#blocked.look(lane)
    void this.release(queued)
    onChange()
  }
}
