import type { HeldBack } from './classify-error.ts'
import type { Entry } from './entry.ts'
import type { Lane } from './lane.ts'

/** A part of a target, such as a host or an index, that has put records off. */
export interface HeldPart {
  /** As the target names it; the code, where it names none. */
  readonly part: string
  /** Why, in the target's words: as it said it last. */
  readonly code: string
  /** Records that it has put off and that have not ended. */
  readonly records: number
  /** Since when there have been some, in ms since the Unix epoch. */
  readonly since: number
}

/** Most parts that a status names. */
const mostParts = 20

/**
 * Counts the records that their target has put off. They count as held until they end, also while they stand in
 * line or are asked again: nearly all of them come back to wait, and as many others would have been pulled meanwhile.
 */
export class PutOff {
  /** All that have not ended. */
  records = 0
  /** Those of them that do not wait now: at the head of a ready lane, or out. */
  notWaiting = 0
  /** Bytes of all of them that are in memory. */
  bytes = 0
  /** Those that were put off in this round and wait: they have nothing to say of the target that is new. */
  asked = 0
  #round = 0
  readonly #parts = new Map<string, { -readonly [K in keyof HeldPart]: HeldPart[K] }>()

  /** The fate of another record is open: each that waits may tell of the target once more. */
  beginRound(): void {
    this.#round++
    this.asked = 0
  }

  /** A record was put off, for the first time or again, then perhaps by another part. */
  add(entry: Entry, { code, part = code }: HeldBack, now: number): void {
    entry.askedIn = this.#round
    this.asked++
    if (entry.heldPart === undefined) {
      this.records++
      this.bytes += entry.residentBytes
    } else if (entry.heldPart !== part) this.#leave(entry.heldPart)
    const known = this.#parts.get(part)
    if (known === undefined) this.#parts.set(part, { part, code, records: 1, since: now })
    else {
      known.code = code
      if (entry.heldPart !== part) known.records++
    }
    entry.heldPart = part
  }

  /** Those with most records first. */
  parts(): readonly HeldPart[] {
    const all = [...this.#parts.values()].sort((one, other) => other.records - one.records)
    return all.slice(0, mostParts).map((part) => ({ ...part }))
  }

  /** Whether one is at the head of this ready lane, or this one is out. */
  mark(place: Lane | Entry, isPutOff: boolean): void {
    if (place.putOff === isPutOff) return
    place.putOff = isPutOff
    this.notWaiting += isPutOff ? 1 : -1
  }

  /** It is out, to be asked anew. */
  taken(entry: Entry): void {
    this.mark(entry, entry.wasHeld)
    this.#waitsNoMore(entry)
  }

  /** Takes note that so many bytes of it more, or fewer, are in memory, and answers them. */
  resized(entry: Entry, bytes: number): number {
    if (entry.heldPart !== undefined) this.bytes += bytes
    return bytes
  }

  ended(entry: Entry): void {
    this.mark(entry, false)
    this.#waitsNoMore(entry)
    if (entry.heldPart === undefined) return
    this.records--
    this.bytes -= entry.residentBytes
    this.#leave(entry.heldPart)
  }

  clear(): void {
    this.records = 0
    this.notWaiting = 0
    this.bytes = 0
    this.asked = 0
    this.#parts.clear()
  }

  #waitsNoMore(entry: Entry): void {
    if (entry.askedIn === this.#round) this.asked--
    entry.askedIn = undefined
  }

  #leave(name: string): void {
    const part = this.#parts.get(name)
    if (part !== undefined && --part.records === 0) this.#parts.delete(name)
  }
}
