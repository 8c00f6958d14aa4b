import type { Entry } from './entry.ts'
import type { Lane } from './lane.ts'

/**
 * Counts the records that their target has put off. They count as held until they end, also while they stand in
 * line or are asked again: nearly all of them come back to wait, and as many others would have been pulled meanwhile.
 */
export class PutOff {
  /** All that have not ended. */
  records = 0
  /** Those of them that do not wait now: at the head of a ready lane, or out. */
  notWaiting = 0

  /** A record was put off for the first time. */
  add(): void {
    this.records++
  }

  /** Whether one is at the head of this ready lane, or this one is out. */
  mark(place: Lane | Entry, isPutOff: boolean): void {
    if (place.putOff === isPutOff) return
    place.putOff = isPutOff
    this.notWaiting += isPutOff ? 1 : -1
  }

  ended(entry: Entry): void {
    this.mark(entry, false)
    if (entry.wasHeld) this.records--
  }

  clear(): void {
    this.records = 0
    this.notWaiting = 0
  }
}
