import { type AttemptState, type Delivery, noAttempts, type StoredRecord } from '@daybook/core'
import type { KafkaEntry, KafkaPlace } from '../kafka-client.ts'
import type { ParkedLog } from '../parked/parked-log.ts'
import { Changes } from './changes.ts'
import { Progress } from './progress.ts'
import { isEnough, noteOf, type ParkedNote, runsLength, textOf } from './progress-text.ts'

/** What was read of an entry. */
export type ReadRecord = Pick<Delivery, 'record' | 'bytes' | 'unreadable'> & {
  /** The entry itself, where it cannot be read as a record. */
  readonly entry?: KafkaEntry | undefined
}

/** An entry that was read and is not done with. */
export interface Slot {
  readonly partition: Partition
  readonly offset: number
  readonly read: ReadRecord
  /** When the topic was given it, in ms since the Unix epoch. */
  readonly storedAt: number
  leased: boolean
  /** Not handed out before, in monotonic ms. */
  readyAt: number
}

/** How much one take may bring. */
export interface TakeLimits {
  readonly maxRecords: number
  readonly maxBytes: number
}

/**
 * One partition while it is this consumer's. Its states: loading, until it is known how far the
 * group is; then reading or paused; then lost, for good.
 */
export class Partition {
  readonly place: KafkaPlace
  readonly #lease = new AbortController()
  #progress: Progress | undefined
  /** Attempts of what is not done with, as told last. */
  readonly #attempts = new Map<number, AttemptState>()
  /** Offsets of which an attempt is under way. */
  readonly #begun = new Set<number>()
  readonly #slots = new Map<number, Slot>()
  /** Not leased and free to go. Invariant: sorted by offset. */
  readonly #waiting: Slot[] = []
  /** Not leased, and not before their time. */
  readonly #resting = new Set<Slot>()
  #waitingBytes = 0
  #heldRecords = 0
  /** The offset to be read next. */
  #next = 0
  /** Reading has stopped until more is done with. */
  isPaused = false
  /** Its parked records are handed out first; its topic is not read before. */
  isHandingOut = false
  #saved = 0
  readonly changes = new Changes()
  /** What the former owner noted of its parked records; undefined where there was nothing. */
  carried: ParkedNote | undefined
  /** Undefined where nothing of it can be parked. */
  parked: ParkedLog | undefined

  constructor(place: KafkaPlace) {
    this.place = place
  }

  get isLost(): boolean {
    return this.#lease.signal.aborted
  }

  get isLoaded(): boolean {
    return this.#progress !== undefined
  }

  get next(): number {
    return this.#next
  }

  /** As far as the cluster knows that all is done with. */
  get saved(): number {
    return this.#saved
  }

  /** The commit that was made up last has come through. */
  set saved(offset: number) {
    this.#saved = offset
    this.changes.save()
  }

  get committed(): number {
    return this.#progress?.committed ?? 0
  }

  /** What was read and not handed out: the reason to stop reading for a while. */
  get waiting(): { readonly records: number; readonly bytes: number } {
    return {
      records: this.#waiting.length + this.#resting.size + this.#heldRecords,
      bytes: this.#waitingBytes,
    }
  }

  /** Of what was read, the first that is not done with; of what its topic may yet remove, if it `needsTopic`. */
  oldest(needsTopic: boolean): Slot | undefined {
    let oldest: Slot | undefined
    for (const slot of this.#slots.values()) {
      if (needsTopic && this.parked?.has(slot.offset)) continue
      if (oldest === undefined || slot.offset < oldest.offset) oldest = slot
    }
    return oldest
  }

  /** Reading begins here; with the first offset that is kept, where the group has never committed. */
  load(committed: number, text: string): void {
    const { progress, attempts, parked } = noteOf(committed, text)
    this.#progress = progress
    this.#next = committed
    this.#saved = committed
    this.carried = parked
    this.changes.begin({ offset: committed, metadata: text })
    for (const [offset, state] of attempts) this.#attempts.set(offset, state)
  }

  /** What was read and is not done with. */
  get slots(): Iterable<Slot> {
    return this.#slots.values()
  }

  /** False once it is done with. */
  has(slot: Slot): boolean {
    return this.#slots.get(slot.offset) === slot
  }

  /** A copy of it is stored: it is done with as far as its topic is concerned. */
  park(slot: Slot): void {
    this.#progress?.done(slot.offset)
    this.changes.add()
  }

  /** It belongs to somebody else now. */
  lose(): void {
    this.#lease.abort()
  }

  /** Offsets below `end` that are not done with. */
  openBelow(end: number): number {
    return this.#progress?.openBelow(end) ?? 0
  }

  /** Records below `end` that are not done with, those that are parked included. */
  pendingBelow(end: number): number {
    return this.openBelow(end) + (this.parked?.below(end) ?? this.carried?.count ?? 0)
  }

  /** True for an offset that is done with as far as its topic is concerned. */
  isDone(offset: number): boolean {
    return this.#progress?.isDone(offset) === true
  }

  /** Characters that its runs take up in a commit. */
  get runsLength(): number {
    return this.#progress ? runsLength(this.#progress) : 0
  }

  /** What to commit, and at which offset. */
  commit(): { readonly offset: number; readonly metadata: string } {
    const progress = this.#progress ?? new Progress(0)
    const attempts = new Map([...this.#attempts].sort(([a], [b]) => a - b))
    const parked = this.parked === undefined ? this.carried : this.parked.note
    const metadata = textOf({ progress, attempts, begun: this.#begun, parked })
    const commit = { offset: progress.committed, metadata }
    this.changes.collect(commit, isEnough(progress))
    return commit
  }

  /** False for an offset that has been read, or is done with. What lies between is not there any more. */
  expects(offset: number): boolean {
    if (offset < this.#next || this.#progress === undefined) return false
    if (offset > this.#next) this.#progress.done(this.#next, offset)
    this.#next = offset + 1
    // It may have been taken before its turn.
    return !this.#progress.isDone(offset) && !this.#slots.has(offset)
  }

  /** Reading has come to here. */
  readUpTo(next: number): void {
    if (next > this.#next) this.#progress?.done(this.#next, next)
    this.#next = Math.max(this.#next, next)
  }

  add({ offset, timestamp: storedAt }: KafkaEntry, read: ReadRecord, readyAt: number): void {
    const slot = { partition: this, offset, read, storedAt, leased: false, readyAt }
    this.#slots.set(offset, slot)
    this.#rest(slot)
  }

  /** An entry that nobody here needs. */
  skip(offset: number): void {
    this.#progress?.done(offset)
    this.#attempts.delete(offset)
  }

  /** An entry whose owner keeps it himself. */
  hold(bytes: number): void {
    this.#heldRecords++
    this.#waitingBytes += bytes
  }

  /** The owner is done with it. */
  unhold(offset: number, bytes: number): void {
    this.#heldRecords--
    this.#waitingBytes -= bytes
    this.#progress?.done(offset)
  }

  take({ maxRecords, maxBytes }: TakeLimits, now: number, taken: Delivery[]): number {
    this.#wakeRested(now)
    let bytes = 0
    let count = 0
    for (const slot of this.#waiting) {
      if (count === maxRecords) break
      if (taken.length > 0 && bytes + slot.read.bytes > maxBytes) break
      slot.leased = true
      count++
      bytes += slot.read.bytes
      taken.push(this.#deliveryOf(slot))
    }
    this.#waiting.splice(0, count)
    this.#waitingBytes -= bytes
    return bytes
  }

  /** Leases what was read and is wanted. */
  takeWanted(wanted: (record: StoredRecord) => boolean, now: number, taken: Delivery[]): void {
    this.#wakeRested(now)
    for (const slot of [...this.#waiting]) {
      if (!wanted(slot.read.record)) continue
      this.#forgetWaiting(slot)
      slot.leased = true
      taken.push(this.#deliveryOf(slot))
    }
  }

  /** True for an offset of which nothing is known here: neither read nor done with. */
  isUnread(offset: number): boolean {
    return !this.isLost && this.#progress?.isDone(offset) === false && !this.#slots.has(offset)
  }

  /** True for an offset of which a record is here. */
  holds(offset: number): boolean {
    return this.#slots.has(offset)
  }

  /** Leases an entry that reading has not come to. */
  takeAhead({ offset, timestamp: storedAt }: KafkaEntry, read: ReadRecord): Delivery {
    const slot = { partition: this, offset, read, storedAt, leased: true, readyAt: 0 }
    this.#slots.set(offset, slot)
    return this.#deliveryOf(slot)
  }

  /** When the first of those that rest may go; Infinity for never. */
  nextReadyAt(): number {
    let next = Number.POSITIVE_INFINITY
    for (const { readyAt } of this.#resting) next = Math.min(next, readyAt)
    return next
  }

  ack(slot: Slot): void {
    if (this.#slots.get(slot.offset) !== slot) return
    this.#slots.delete(slot.offset)
    this.#forgetWaiting(slot)
    this.#attempts.delete(slot.offset)
    this.#begun.delete(slot.offset)
    this.#progress?.done(slot.offset)
    if (slot.read.record.attemptEpoch > 0) this.#progress?.keep(slot.offset)
    this.changes.add()
  }

  release(slot: Slot, readyAt: number): void {
    if (this.#slots.get(slot.offset) !== slot || !slot.leased) return
    slot.leased = false
    slot.readyAt = readyAt
    this.#rest(slot)
  }

  begin(slot: Slot): void {
    if (this.#slots.get(slot.offset) === slot) this.#begun.add(slot.offset)
  }

  save(slot: Slot, attempts: AttemptState): void {
    if (this.#slots.get(slot.offset) !== slot) return
    this.#begun.delete(slot.offset)
    const isNone = attempts.spent === 0 && attempts.notBefore === 0 && attempts.interrupted === 0
    if (isNone) this.#attempts.delete(slot.offset)
    else this.#attempts.set(slot.offset, attempts)
  }

  /** Whoever has it next is not to count what is under way here as interrupted. */
  clearMarks(): void {
    this.#begun.clear()
  }

  #deliveryOf(slot: Slot): Delivery {
    const { offset: position, read } = slot
    const { record, bytes, unreadable } = read
    const attempts = this.#attempts.get(position) ?? noAttempts
    return {
      position,
      record,
      bytes,
      unreadable,
      attempts,
      handle: slot,
      lease: this.#lease.signal,
    }
  }

  #rest(slot: Slot): void {
    this.#waitingBytes += slot.read.bytes
    if (slot.readyAt > 0) this.#resting.add(slot)
    else this.#wait(slot)
  }

  #wait(slot: Slot): void {
    const last = this.#waiting.at(-1)
    if (last === undefined || last.offset < slot.offset) {
      this.#waiting.push(slot)
      return
    }
    let at = this.#waiting.length - 1
    while (at > 0 && (this.#waiting[at - 1] as Slot).offset > slot.offset) at--
    this.#waiting.splice(at, 0, slot)
  }

  #wakeRested(now: number): void {
    for (const slot of this.#resting) {
      if (slot.readyAt > now) continue
      this.#resting.delete(slot)
      this.#wait(slot)
    }
  }

  #forgetWaiting(slot: Slot): void {
    if (slot.leased) return
    this.#waitingBytes -= slot.read.bytes
    if (this.#resting.delete(slot)) return
    const at = this.#waiting.indexOf(slot)
    if (at >= 0) this.#waiting.splice(at, 1)
  }
}
