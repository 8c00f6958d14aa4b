import type { Clock } from '../clock.ts'
import type { Delivery } from '../consumer/consumer.ts'
import type { StoredRecord } from '../record.ts'
import type { Alarms } from './alarms.ts'
import type { Blockers } from './blockers.ts'
import { Entry } from './entry.ts'
import { Lane, staysBehind } from './lane.ts'
import { Claims, Places, recordsBeforePlaces } from './places.ts'
import { PutOff } from './put-off.ts'
import { ReadyLine } from './ready-line.ts'
import type { TakeLimits } from './take-limits.ts'

export interface LanesOptions {
  readonly ordered: boolean
  readonly appliesInOrder: boolean
  /** True if somebody asks since when a lane has been ready. */
  readonly lingers: boolean
  /** True if a payload that is dropped can be read again. */
  readonly canReload: boolean
  /** Payloads that wait are dropped at once beyond so many bytes in memory. */
  readonly maxBytes: number
  readonly blockers: Blockers
  readonly alarms: Alarms
  readonly clock: Clock
  /** The keys in whose order a marker stands; undefined for every other record. */
  keysOf(record: StoredRecord): readonly string[] | undefined
  /** A backoff is over. */
  onReady(): void
}

/** Every record in memory, in lanes; knows which may go. */
export class Lanes {
  readonly #options: LanesOptions
  readonly #byKey = new Map<string, Lane>()
  readonly #claims = new Claims()
  /** Lanes without a key that have a record and are not ready: the others stand in the line. */
  readonly #keylessHeld = new Set<Lane>()
  readonly #ready = new ReadyLine()
  #arrivals = 0
  /** Records in lanes, ready or not. */
  queuedRecords = 0
  /** Records taken out and not ended. */
  outRecords = 0
  /** Bytes of the payloads in memory. */
  residentBytes = 0
  /** Lanes whose first record waits out a backoff. */
  inBackoff = 0
  readonly putOff = new PutOff()

  constructor(options: LanesOptions) {
    this.#options = options
  }

  /** Records that may go now. */
  get readyRecords(): number {
    return this.#ready.records
  }

  /** Records that wait: for a backoff, for an earlier one of their key, or for a target that puts them off. */
  get heldRecords(): number {
    return this.queuedRecords - this.readyRecords + this.putOff.notWaiting
  }

  /** The lanes that may go, the one that has stood in line longest first. */
  get ready(): Iterable<Lane> {
    return this.#ready
  }

  /** Adds a record at its place: at the end, or before those that wait for it. */
  accept(delivery: Delivery): Entry {
    const { blockers, clock, keysOf } = this.#options
    const keys = keysOf(delivery.record)
    const lane = this.#laneOf(keys === undefined ? delivery.record.key : undefined)
    const redriven = lane.key !== undefined && blockers.isRedriven(delivery.record)
    const entry = new Entry(delivery, lane, this.#arrivals++, redriven)
    this.residentBytes += delivery.bytes
    this.queuedRecords++
    if (entry.notBefore > 0) entry.waitUntil = clock.monotonic() + entry.notBefore - clock.now()
    lane.insert(entry)
    if (keys !== undefined) this.#takePlaces(entry, keys)
    if (lane.head === entry || entry.redriven) this.refresh(lane)
    else if (lane.counted === 0 || lane.places > 0) this.#dropIfHeld(lane, entry)
    else if (this.#options.appliesInOrder) this.#count(lane, lane.counted + 1)
    return entry
  }

  /**
   * Takes records that may go, at most as many as the limits allow and at least one: one of each
   * key, unless several may go together. One that must go alone goes alone.
   */
  take(limits: TakeLimits): Entry[] {
    const batch: Entry[] = []
    const room = { records: limits.maxRecords, bytes: limits.maxBytes }
    for (let lane = this.#ready.first, next: Lane | undefined; lane !== undefined; lane = next) {
      next = lane.behind
      if (!this.#takeFrom(lane, batch, room, limits.appliesInOrder)) break
    }
    return batch
  }

  /** Takes the one ready record that failed least: likeliest to tell how its target is, and probing wears out no single one. */
  takeProbe(): Entry[] {
    let least: Lane | undefined
    for (let lane = this.#ready.first; lane !== undefined; lane = lane.behind) {
      if (least === undefined || lane.failures < least.failures) least = lane
      if (least.failures === 0) break
    }
    return least === undefined ? [] : [this.#takeHead(least)]
  }

  /** Bytes of the records that `take` would take now, about: waits within a lane are not looked at. */
  measure(limits: TakeLimits): number {
    let records = 0
    let bytes = 0
    for (let lane = this.#ready.first; lane !== undefined; lane = lane.behind) {
      let entry = lane.head
      while (entry !== undefined && entry.owner === undefined) {
        const sum = bytes + entry.delivery.bytes
        if (records > 0 && (sum > limits.maxBytes || records === limits.maxRecords)) return bytes
        records++
        bytes = sum
        entry = limits.appliesInOrder ? entry.next : undefined
      }
    }
    return bytes
  }

  /** The record comes back from outside, to its place. `refresh` its lane afterwards. */
  putBack(entry: Entry): void {
    entry.state = 'queued'
    this.putOff.mark(entry, false)
    entry.lane.busy--
    this.outRecords--
    this.queuedRecords++
    entry.lane.insert(entry)
    if (this.isBlocked(entry.lane)) entry.lane.advanceCopies(this.#options.blockers)
  }

  /** The record, which was out, is done with. `refresh` its lane afterwards. */
  end(entry: Entry): void {
    entry.state = 'ended'
    this.putOff.ended(entry)
    entry.lane.busy--
    this.outRecords--
    this.residentBytes -= entry.residentBytes
    if (entry.places !== undefined) this.#givePlaces(entry.places)
  }

  /** Takes a waiting record out for good: its lease is lost. */
  remove(entry: Entry): void {
    const { lane } = entry
    if (!lane.remove(entry)) return
    entry.state = 'ended'
    this.putOff.ended(entry)
    this.queuedRecords--
    this.residentBytes -= entry.residentBytes
    if (entry.places !== undefined) this.#givePlaces(entry.places)
    this.refresh(lane)
  }

  /** The payload is in memory again. */
  reloaded(entry: Entry, delivery: Delivery): void {
    entry.delivery = delivery
    entry.dropped = false
    this.residentBytes += this.putOff.resized(entry, delivery.bytes)
  }

  /** Looks at a lane anew, after any change to it. */
  refresh(lane: Lane): void {
    if (lane.alarm !== undefined) {
      lane.alarm.cancel()
      lane.alarm = undefined
      this.inBackoff--
    }
    const { head } = lane
    if (lane.busy > 0) this.#count(lane, 0)
    else if (head === undefined) this.#forget(lane)
    else if (this.isBlocked(lane) && !head.redriven) this.#hold(lane)
    else if (head.owner !== undefined) this.#reserve(lane, head, head.owner)
    else if (head.places?.areFirst === false) this.#hold(lane)
    else if (head.waitUntil > 0 && !this.#isOver(lane, head)) this.#hold(lane)
    else this.#joinLine(lane, head)
  }

  /** A letter of the key was dealt with, or there is a new one. */
  refreshKey(key: string): Lane | undefined {
    const lane = this.#byKey.get(key)
    lane?.advanceCopies(this.#options.blockers)
    if (lane !== undefined) this.refresh(lane)
    return lane
  }

  isBlocked(lane: Lane): boolean {
    return lane.key !== undefined && this.#options.blockers.isBlocked(lane.key)
  }

  /** Every record in a lane: not those that are out. */
  *entries(): Iterable<Entry> {
    for (const lane of this.#lanes()) {
      for (let entry = lane.head; entry !== undefined; entry = entry.next) {
        if (entry.owner === undefined) yield entry
      }
    }
  }

  /** Forgets everything; answers what was in lanes, and what was out. None of it counts any more. */
  clear(out: readonly Entry[]): readonly Entry[] {
    const all = [...this.entries(), ...out]
    for (const entry of all) entry.state = 'ended'
    for (const lane of this.#lanes()) lane.alarm?.cancel()
    this.#byKey.clear()
    this.#claims.clear()
    this.#keylessHeld.clear()
    this.#ready.clear()
    this.queuedRecords = 0
    this.outRecords = 0
    this.residentBytes = 0
    this.inBackoff = 0
    this.putOff.clear()
    return all
  }

  /** All that have a record. */
  *#lanes(): Iterable<Lane> {
    yield* this.#byKey.values()
    yield* this.#keylessHeld
    for (let lane = this.#ready.first; lane !== undefined; lane = lane.behind) {
      if (lane.key === undefined) yield lane
    }
  }

  #takePlaces(entry: Entry, keys: readonly string[]): void {
    const places = new Places(entry, keys)
    entry.places = places
    this.residentBytes += places.bytes
    // Where no order is kept there is nothing to stand before, or behind.
    for (const key of this.#options.ordered ? keys : []) {
      if (this.#byKey.has(key) || !this.#claims.add(key, places)) places.take(this.#laneOf(key))
    }
    for (const lane of places.lanes()) if (lane.head?.owner === entry) this.refresh(lane)
  }

  #givePlaces(places: Places): void {
    this.residentBytes -= places.bytes
    for (const lane of this.#claims.give(places)) this.refresh(lane)
  }

  /** Nothing of the lane goes before the marker whose place stands first. */
  #reserve(lane: Lane, place: Entry, marker: Entry): void {
    this.#hold(lane)
    if (marker.places?.standsFirst(place) === true) this.refresh(marker.lane)
  }

  #laneOf(key: string | undefined): Lane {
    if (key === undefined || !this.#options.ordered) return new Lane(undefined)
    const known = this.#byKey.get(key)
    if (known !== undefined) return known
    const lane = new Lane(key)
    this.#byKey.set(key, lane)
    this.#claims.moveTo(lane, key)
    return lane
  }

  #takeFrom(
    lane: Lane,
    batch: Entry[],
    room: { records: number; bytes: number },
    appliesInOrder: boolean,
  ): boolean {
    const now = appliesInOrder ? this.#options.clock.monotonic() : 0
    const onlyRedriven = appliesInOrder && this.isBlocked(lane)
    for (let head = lane.head; head !== undefined; head = lane.head) {
      if (staysBehind(lane, head, now, onlyRedriven)) return true
      const { bytes } = head.delivery
      const [first] = batch
      if (first && (head.alone || room.records < 1 || bytes > room.bytes)) return false
      // Were a process to die of a suspect, the others of its batch would become suspects too.
      if (first && head.suspect !== first.suspect) return false
      room.records--
      room.bytes -= bytes
      const { alone } = head
      batch.push(this.#takeHead(lane))
      if (alone) return false
      if (!appliesInOrder) return room.records > 0
    }
    return room.records > 0
  }

  #takeHead(lane: Lane): Entry {
    const entry = lane.shift() as Entry
    entry.state = 'out'
    lane.busy++
    this.queuedRecords--
    this.outRecords++
    this.#count(lane, 0)
    this.putOff.taken(entry)
    return entry
  }

  #joinLine(lane: Lane, head: Entry): void {
    head.waitUntil = 0
    if (lane.key === undefined) this.#keylessHeld.delete(lane)
    if (this.#options.lingers && lane.counted === 0)
      lane.readySince = this.#options.clock.monotonic()
    this.#count(lane, this.#options.appliesInOrder ? recordsBeforePlaces(lane) : 1)
  }

  /** With 0 it does not stand in line. */
  #count(lane: Lane, records: number): void {
    this.#ready.count(lane, records)
    this.putOff.mark(lane, records > 0 && lane.head?.wasHeld === true)
  }

  #isOver(lane: Lane, head: Entry): boolean {
    const { alarms, clock, onReady } = this.#options
    const delayMs = head.waitUntil - clock.monotonic()
    if (delayMs <= 0) return true
    this.inBackoff++
    lane.alarm = alarms.set(delayMs, () => {
      this.refresh(lane)
      onReady()
    })
    return false
  }

  #hold(lane: Lane): void {
    this.#count(lane, 0)
    if (lane.key === undefined) this.#keylessHeld.add(lane)
    for (let entry = lane.head; entry !== undefined; entry = entry.next) this.#drop(entry)
  }

  /** Behind a record that waits, a payload is dropped at once; behind one that is out, where memory is short. */
  #dropIfHeld(lane: Lane, entry: Entry): void {
    const isShort = this.residentBytes * 2 > this.#options.maxBytes
    if (lane.busy === 0 || isShort) this.#drop(entry)
  }

  #drop(entry: Entry): void {
    if (!this.#options.canReload || entry.dropped) return
    const bytes = entry.residentBytes
    entry.dropPayload()
    if (entry.dropped) this.residentBytes += this.putOff.resized(entry, -bytes)
  }

  #forget(lane: Lane): void {
    this.#count(lane, 0)
    if (lane.key === undefined) this.#keylessHeld.delete(lane)
    else this.#byKey.delete(lane.key)
  }
}
