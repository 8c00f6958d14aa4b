import type { Slot } from '../consumer/partition.ts'
import type { ParkedNote } from '../consumer/progress-text.ts'

/** What whoever has a partition knows of the parked topic from its beginning. */
export type ParkedClaim = Omit<ParkedNote, 'count'>

/** Which records of a partition are parked. */
export class ParkedSlots {
  readonly #slots = new Set<Slot>()
  /** Undefined where nothing is ever parked. */
  claim: ParkedClaim | undefined

  /** For a commit; undefined where nothing is ever parked. */
  get note(): ParkedNote | undefined {
    return this.claim && { ...this.claim, count: this.#slots.size }
  }

  has(slot: Slot): boolean {
    return this.#slots.has(slot)
  }

  add(slot: Slot): void {
    this.#slots.add(slot)
  }

  /** It has ended. */
  delete(slot: Slot): void {
    this.#slots.delete(slot)
  }

  /** How many there are of offsets below this one. */
  below(end: number): number {
    let count = 0
    for (const { offset } of this.#slots) if (offset < end) count++
    return count
  }
}
