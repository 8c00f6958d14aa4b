/**
 * Reads the clock once in a turn of the event loop. What is answered in one turn is a group, so this is
 * one reading for a group, which is what a bare loop pays.
 */
export class TurnClock {
  #now: number | undefined
  readonly #forget = (): void => {
    this.#now = undefined
  }

  /** `performance.now()` as it was when it was first asked for in this turn. */
  now(): number {
    if (this.#now === undefined) {
      this.#now = performance.now()
      setImmediate(this.#forget)
    }
    return this.#now
  }
}
