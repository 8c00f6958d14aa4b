import type { Clock } from '../../clock.ts'

/** Fewer callers are never halved: a second sync for so few costs more than it saves. */
const worthHalving = 128

/**
 * Decides how large a group should be before it leaves.
 *
 * A sync costs much the same for one record as for many, so a group should not leave just before
 * the callers that have been answered come back with their next record: it waits for as many
 * records as there are callers. Where these are many, and take longer to come back than a group
 * takes to be written, half of them are enough: while one half is written, the other half runs.
 */
export class GroupPace {
  readonly #clock: Clock
  #goal = 1
  /** When callers were answered last, how many, and how many records have come in since then. */
  #answeredAt = 0
  #answered = 0
  #returned = 0
  /** How long callers took to come back, for each of them. */
  #returnMs = 0

  constructor(clock: Clock) {
    this.#clock = clock
  }

  /** With so many records a group may leave, without waiting for the end of the turn. */
  get goal(): number {
    return this.#goal
  }

  /** That many records have been added. */
  added(records: number): void {
    const before = this.#returned
    this.#returned += records
    if (before >= this.#answered || this.#returned < this.#answered) return
    this.#returnMs = (this.#clock.monotonic() - this.#answeredAt) / this.#returned
  }

  /** A group of `answered` records is done, written in `writeMs`, and `waiting` more have come in. */
  wrote(answered: number, waiting: number, writeMs: number): void {
    const callers = answered + waiting
    const halve = callers >= worthHalving && callers * this.#returnMs > writeMs
    this.#goal = halve ? Math.ceil(callers / 2) : callers
    this.#answeredAt = this.#clock.monotonic()
    this.#answered = answered
    this.#returned = 0
  }
}
