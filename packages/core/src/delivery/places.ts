import type { Delivery } from '../consumer/consumer.ts'
import { Entry } from './entry.ts'
import type { Lane } from './lane.ts'

/** What a place takes of memory, about, in bytes. */
const placeBytes = 400

/**
 * The places of a marker, one in the lane of each of its keys. They are taken all at once, when the marker
 * comes from the queue, and kept until it has ended: so in every lane markers and records stand in the
 * order in which they came, and the first of all waits for nobody.
 */
export class Places {
  readonly #places: Entry[] = []
  readonly #first = new Set<Entry>()

  /** Takes a place in each lane. */
  constructor(owner: Entry, lanes: readonly Lane[]) {
    const delivery = withoutPayload(owner.delivery)
    for (const lane of lanes) {
      const place = new Entry(delivery, lane, owner.arrival, false)
      place.owner = owner
      this.#places.push(place)
      lane.places++
      lane.insert(place)
    }
  }

  /** What they take of memory, about. */
  get bytes(): number {
    return this.#places.length * placeBytes
  }

  /** True once it stands first in all of its lanes, with nothing out in any. */
  get areFirst(): boolean {
    return this.#first.size === this.#places.length
  }

  /** The place stands first in its lane, and nothing of the lane is out. True if all do now. */
  standsFirst(place: Entry): boolean {
    const before = this.areFirst
    this.#first.add(place)
    return !before && this.areFirst
  }

  /** Gives all places up; answers their lanes, to be looked at. */
  give(): readonly Lane[] {
    const lanes = this.#places.map(({ lane }) => lane)
    for (const place of this.#places.splice(0)) {
      place.lane.places--
      place.lane.remove(place)
    }
    this.#first.clear()
    return lanes
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
