import { type SendOutcome, WalError } from '@daybook/core'
import type { OnEntry } from '../consumer/look-ahead.ts'
import type { Membership } from '../consumer/membership.ts'
import type { Partition, ReadRecord, Slot } from '../consumer/partition.ts'
import type { KafkaEntry, KafkaMessage, KafkaPlace } from '../kafka-client.ts'
import { parkedTopicOf, type QueueParts } from '../queue-parts.ts'
import { ParkedAcks } from './parked-acks.ts'
import { ParkedLog } from './parked-log.ts'
import type { Bounds } from './parked-log-port.ts'
import { entryOf, lotsOf } from './parked-lots.ts'
import { copyMessage, parkedFactOf } from './parked-message.ts'
import type { ParkedReader } from './parked-reader.ts'

/** What the parked partitions of a consumer share. */
export interface ParkedOptions {
  readonly parts: QueueParts
  readonly target: string
  readonly membership: Membership
  readonly reader: ParkedReader
  put(place: KafkaPlace, message: KafkaMessage): Promise<SendOutcome>
  read(place: KafkaPlace, entry: KafkaEntry): ReadRecord
  /** Of a parked topic, by partition: asked once for all that ask at the same time. */
  bounds(topic: string): Promise<readonly Bounds[]>
  /** There may be something to hand out. */
  changed(): void
}

/** So often is looked whether what is awaited has come, in ms. */
const betweenLooksMs = 25
/** So often for an ack that is under way. */
const mostLooks = 200
/** Longest wait between looks for a commit, in ms, and how many: with the shorter ones before some 30 s, as a handover takes its time. */
const betweenCommitsMs = 500
const mostCommits = 64

/** How long the last acks may take, in ms. */
const longestCloseMs = 2_000

/** So often it is tried in vain to read what is parked before anybody is told. */
const patientTries = 7
const longestPauseMs = 5_000

/** A partition that is this consumer's, and what is parked of it: one thing after the other. */
export class ParkedPartition {
  readonly log: ParkedLog
  readonly #options: ParkedOptions
  readonly #partition: Partition
  /** In the parked topic. */
  readonly #place: KafkaPlace
  /** It is not known whether copies of these are stored. */
  readonly #doubtful = new Set<Slot>()
  readonly #acks: ParkedAcks
  /** Of the parked partition, what is not handed out. */
  readonly #rest = { next: 0, to: 0 }
  #last: Promise<unknown> = Promise.resolve()
  #isClosing = false
  #roomCame: () => void = () => {}

  constructor(options: ParkedOptions, partition: Partition) {
    const { parts, target } = options
    const { topic, partition: number } = partition.place
    this.#options = options
    this.#partition = partition
    this.#place = { topic: parkedTopicOf(topic, target, parts.options), partition: number }
    this.log = new ParkedLog(
      {
        now: () => parts.context.clock.now(),
        random: () => parts.context.random.next(),
        bounds: async () => this.#ownOf(await parts.admin.bounds(this.#place.topic)),
        firstBounds: async () => this.#ownOf(await options.bounds(this.#place.topic)),
        read: (from, to, onEntries) =>
          options.reader.read(this.#place, from, to, (entries) => {
            onEntries(entries)
            return true
          }),
        put: (messages) => this.#put(messages),
        noted: () => this.#committed((count) => partition.changes.isNoted(count)),
        isOpen: (offset) => !partition.isDone(offset),
        trim: (before) => this.#trim(before),
        gone: (mostRecords) => this.#tellOfLoss(mostRecords),
      },
      partition.carried,
    )
    this.#acks = new ParkedAcks({
      ...{ partition, log: this.log, pause: (ms) => parts.pause(ms) },
      isDoubtful: (slot) => this.#doubtful.has(slot),
      settle: () => this.#settle(),
      saved: () => this.#committed((count) => partition.changes.isSaved(count)),
      after: (work) => this.#after(work),
      isOver: () => this.#isOver,
      done: () => options.membership.somethingDone([partition]),
      failed: (error) => options.membership.failed(error),
    })
  }

  /** Hands out what is parked, as far as there is room. Resolves after the last of it, or if the partition is lost. */
  async handOut(): Promise<void> {
    const rest = this.#rest
    await this.#patiently(async () => {
      const { from, to } = await this.#after(() => this.log.open())
      Object.assign(rest, { next: from, to })
      // What is noted may count what is done with.
      this.#options.membership.somethingDone([this.#partition])
    })
    while (rest.next < rest.to && !this.#isOver) {
      await this.#patiently(async () => {
        await this.#room()
        // What lies before was trimmed, or is lost: to ask for it would be to ask for ever.
        rest.next = Math.max(rest.next, await this.#first())
        let isWhole = true
        const { next, to } = rest
        await this.#options.reader.read(this.#place, next, to, (entries) => {
          for (const entry of entries) {
            this.#take(entry)
            rest.next = entry.offset + 1
          }
          this.#options.changed()
          isWhole = this.#fullness() < 1 && !this.#isOver
          return isWhole
        })
        if (isWhole) rest.next = to
      })
    }
  }

  /** Tells of what is parked and not handed out. */
  async lookAhead(signal: AbortSignal, onEntry: OnEntry): Promise<void> {
    const { next, to } = this.#rest
    if (next >= to || signal.aborted || this.#isOver) return
    const from = Math.max(next, await this.#first())
    await this.#options.reader.read(this.#place, from, to, (entries) => {
      for (const entry of entries) {
        const copy = this.#waitingAt(entry)
        if (copy !== undefined) onEntry(this.#partition, copy)
      }
      return !signal.aborted && !this.#isOver
    })
  }

  /** Something was handed out, or is done with. */
  readOn(): void {
    this.#roomCame()
  }

  /** Stores copies of these, in their order. Rejects where one is not known to be stored. */
  async park(slots: readonly Slot[]): Promise<void> {
    const wanted = (): readonly Slot[] =>
      slots.filter((slot) => this.#partition.has(slot) && !this.#isParked(slot))
    if (wanted().length === 0) return
    await this.#untilFirst(wanted())
    await this.#after(async () => {
      if (!this.log.isOpen) throw notOpen()
      for (const lot of lotsOf(wanted(), this.#options.parts.options.batchBytes)) {
        if (this.#isOver) return
        // Its key may have been freed, and it been acked, while those before it were stored.
        const own = lot.filter((slot) => this.#partition.has(slot))
        if (own.length > 0) await this.#copy(own)
      }
    })
  }

  /** These are done with. Undefined where there is nothing to wait for. */
  ack(slots: readonly Slot[]): Promise<void> | undefined {
    return this.#acks.ack(slots)
  }

  /** Ends what is under way, unless it fails. A broker that says nothing is not waited for. */
  async close(): Promise<void> {
    this.#isClosing = true
    const { promise: late, resolve } = Promise.withResolvers<void>()
    const timer = this.#options.parts.context.clock.setTimer(longestCloseMs, resolve)
    await Promise.race([this.#acks.close(), late])
    timer.cancel()
  }

  /** A copy alone is not enough: one whose answer was lost is taken back. */
  #isParked({ offset }: Slot): boolean {
    return this.#partition.isDone(offset)
  }

  async #settle(): Promise<void> {
    if (!this.log.isOpen) return
    await this.log.settle()
    this.#doubtful.clear()
  }

  get #isOver(): boolean {
    return this.#partition.isLost || this.#options.membership.hasLeft
  }

  async #copy(slots: readonly Slot[]): Promise<void> {
    for (const slot of slots) this.#doubtful.add(slot)
    try {
      await this.log.copy(
        slots.map(({ offset }) => offset),
        (claim) => slots.map((slot) => copyMessage(claim, this.#partition.place, entryOf(slot))),
      )
      for (const slot of slots) this.#partition.park(slot)
    } finally {
      if (!this.log.isUncertain) this.#doubtful.clear()
    }
    this.#options.membership.somethingDone([this.#partition])
  }

  /** One after the other. What is wanted of a partition that is lost by then has no use. */
  async #after<T>(work: () => Promise<T>): Promise<T> {
    const working = this.#last.then(work)
    this.#last = working.catch(() => {})
    return working
  }

  /** Tries again until it succeeds, or the partition is lost. */
  async #patiently(work: () => Promise<void>): Promise<void> {
    const { parts, membership } = this.#options
    for (let tries = 1; !this.#isOver; tries++) {
      try {
        return await work()
      } catch (error) {
        if (tries % patientTries === 0 && !this.#isOver) membership.failed(this.#unread(error))
        await parts.pause(Math.min(longestPauseMs, 25 * 2 ** tries))
      }
    }
  }

  #unread(cause: unknown): WalError {
    const { topic, partition } = this.#partition.place
    const reason = cause instanceof Error ? cause.message : String(cause)
    const text =
      `What is parked of ${topic}, partition ${partition}, cannot be taken over from ${this.#place.topic}, and ` +
      `nothing of that partition is delivered before it is: ${reason}`
    return new WalError('ERR_IO', text, { retryable: true, cause })
  }

  #take(entry: KafkaEntry): void {
    const copy = this.#waitingAt(entry)
    if (copy === undefined) return
    const read = this.#options.read(this.#partition.place, copy)
    const { clock } = this.#options.parts.context
    // The clock of whoever parked it may be ahead of this one.
    const earlyMs = (read.record.dueAt ?? 0) - clock.now()
    this.#partition.add(copy, read, earlyMs > 0 ? clock.monotonic() + earlyMs : 0)
  }

  /** The record of a copy that counts, unless it is here. */
  #waitingAt(entry: KafkaEntry): KafkaEntry | undefined {
    const fact = parkedFactOf(entry)
    if (fact?.kind !== 'copy' || !this.log.isAt(fact.entry.offset, entry.offset)) return undefined
    return this.#partition.holds(fact.entry.offset) ? undefined : fact.entry
  }

  async #first(): Promise<number> {
    return this.#ownOf(await this.#options.parts.admin.bounds(this.#place.topic))?.first ?? 0
  }

  async #room(): Promise<void> {
    while (!this.#isOver && this.#fullness() > 0.5) {
      await new Promise<void>((resolve) => {
        this.#roomCame = resolve
        // A partition that is lost gives no sign.
        void this.#options.parts.pause(1_000).then(resolve)
      })
    }
  }

  /** Whatever its topic's runs take up: they change only once that is read. */
  #fullness(): number {
    const { bufferRecords, bufferBytes } = this.#options.parts.options
    const { records, bytes } = this.#partition.waiting
    return Math.max((records + this.#acks.size) / bufferRecords, bytes / bufferBytes)
  }

  /** Resolves once nothing stands before these in their keys but what is parked: it is being acked. */
  async #untilFirst(slots: readonly Slot[]): Promise<void> {
    for (let tries = 0; !this.#isOver && this.#hasEarlier(slots); tries++) {
      if (tries === mostLooks)
        throw new WalError('ERR_IO', 'What comes before in its key is not acked.', {
          retryable: true,
        })
      await this.#options.parts.pause(betweenLooksMs)
    }
  }

  #hasEarlier(slots: readonly Slot[]): boolean {
    const asked = new Set(slots)
    const last = new Map(slots.map(({ read, offset }) => [read.record.key, offset]))
    const { committed } = this.#partition
    for (const slot of this.#partition.slots) {
      // Most of what is parked lies there.
      if (slot.offset < committed) continue
      const end = last.get(slot.read.record.key) ?? 0
      if (slot.offset < end && !asked.has(slot) && !this.#isParked(slot)) return true
    }
    return false
  }

  /** Resolves once a commit that came through is enough for what has changed up to now. */
  async #committed(isEnough: (count: number) => boolean): Promise<void> {
    const { parts, membership } = this.#options
    const { changes } = this.#partition
    changes.add()
    const count = changes.now
    for (let tries = 0; tries < mostCommits; tries++) {
      if (this.#isOver) break
      await membership.commitNow([this.#partition])
      if (isEnough(count)) return
      if (this.#isClosing) break
      await parts.pause(Math.min(betweenCommitsMs, betweenLooksMs * 2 ** tries))
    }
    throw new WalError('ERR_IO', 'It is not committed how far the group is.', { retryable: true })
  }

  #ownOf(bounds: readonly Bounds[]): Bounds | undefined {
    return bounds[this.#place.partition]
  }

  async #put(messages: readonly KafkaMessage[]): Promise<readonly SendOutcome[]> {
    // It would count for nothing.
    if (this.#isOver) throw new WalError('ERR_OWNERSHIP_LOST', 'The partition is somebody else’s.')
    return Promise.all(messages.map((message) => this.#options.put(this.#place, message)))
  }

  async #trim(offset: number): Promise<void> {
    if (!this.#isOver) await this.#options.parts.admin.deleteBefore([{ ...this.#place, offset }])
  }

  #tellOfLoss(mostRecords: number): void {
    const { topic, partition } = this.#place
    const text =
      `${topic}, partition ${partition}, does not have any more what was parked there: up to ${mostRecords} records ` +
      'that waited behind dead letters are lost. Replay them from their topic, if that has them, or write them again.'
    this.#options.parts.context.reportError(new WalError('ERR_NOT_KEPT', text))
  }
}

function notOpen(): WalError {
  const text = 'It is not known yet what is parked of the partition.'
  return new WalError('ERR_IO', text, { retryable: true })
}
