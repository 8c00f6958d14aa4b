import type { Delivery } from '../consumer/consumer.ts'
import { Entry } from './entry.ts'
import type { Lane } from './lane.ts'

/** What a place takes of memory, about, in bytes. */
const placeBytes = 400

/**
 * The places of a marker, one for each of its keys. They are taken all at once, when the marker comes from the queue, and
 * kept until it has ended: so of every key markers and records stand in the order in which they came, and the first of all
 * waits for nobody.
 *
 * Where nothing else of a key is there, its place is a claim, and no lane is made for it: most keys of most transactions are
 * asked for by nobody else meanwhile. What comes later makes the lane, and the place goes before it.
 */
export class Places {
  /** The marker's, each once. */
  readonly keys: readonly string[]
  readonly #owner: Entry
  readonly #places: Entry[] = []
  readonly #first = new Set<Entry>()
  /** The owner's without its payload, for the places in lanes. */
  #delivery: Delivery | undefined

  constructor(owner: Entry, keys: readonly string[]) {
    this.#owner = owner
    this.keys = keys
  }

  /** What they take of memory at most, about. */
  get bytes(): number {
    return this.keys.length * placeBytes
  }

  /** True once it stands first of all of its keys, with nothing out of any. */
  get areFirst(): boolean {
    return this.#first.size === this.#places.length
  }

  /** Takes its place in a lane that is there. */
  take(lane: Lane): Entry {
    this.#delivery ??= withoutPayload(this.#owner.delivery)
    const place = new Entry(this.#delivery, lane, this.#owner.arrival, false)
    place.owner = this.#owner
    this.#places.push(place)
    lane.places++
    lane.insert(place)
    return place
  }

  /** The place stands first in its lane, and nothing of the lane is out. True if all do now. */
  standsFirst(place: Entry): boolean {
    const before = this.areFirst
    this.#first.add(place)
    return !before && this.areFirst
  }

  /** The lanes in which it stands, to be looked at once all places are taken. */
  lanes(): readonly Lane[] {
    return this.#places.map(({ lane }) => lane)
  }

  /** Gives all places up; answers their lanes, to be looked at. */
  give(): readonly Lane[] {
    const lanes = this.lanes()
    for (const place of this.#places.splice(0)) {
      place.lane.places--
      place.lane.remove(place)
    }
    this.#first.clear()
    return lanes
  }
}

/** The keys of which nothing is there but the place of one marker. They have no lane. */
export class Claims {
  readonly #byKey = new Map<string, Places>()

  /** The marker stands first of this key, which has no lane. False if another one does, and its lane has to be made. */
  add(key: string, places: Places): boolean {
    if (this.#byKey.has(key)) return false
    this.#byKey.set(key, places)
    return true
  }

  /** The key has a lane from now on, which is empty: whoever claimed it takes the first place. */
  moveTo(lane: Lane, key: string): void {
    const places = this.#byKey.get(key)
    if (places === undefined) return
    this.#byKey.delete(key)
    places.standsFirst(places.take(lane))
  }

  /** The marker gives all of its places up; answers the lanes of those that are no claims, to be looked at. */
  give(places: Places): readonly Lane[] {
    for (const key of places.keys) if (this.#byKey.get(key) === places) this.#byKey.delete(key)
    return places.give()
  }

  clear(): void {
    this.#byKey.clear()
  }
}

/** How many records of a lane come before the first place of a marker. */
export function recordsBeforePlaces(lane: Lane): number {
  if (lane.places === 0) return lane.size
  let count = 0
  for (let entry = lane.head; entry !== undefined && entry.owner === undefined; ) {
    count++
    entry = entry.next
  }
  return count
}

function withoutPayload(delivery: Delivery): Delivery {
  return { ...delivery, record: { ...delivery.record, payload: undefined } }
}
