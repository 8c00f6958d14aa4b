/** The client never waits less, in ms. */
const shortestMs = 5

/**
 * How long the client waits, for something to arrive as well as for something to fetch: as long as nothing has happened, and no
 * longer than `longestMs`. It is worked out each time that the client puts it into a request or a timer, for
 * while it waits it cannot be reached. With all partitions paused it sleeps, and nothing wakes it. And a broker answers what
 * comes over one connection in its order, so what is committed waits until the fetch before it is over: with each
 * batch the mark of an attempt is, before the target is given it.
 */
export class FetchWait {
  readonly #longestMs: number
  /** In ms, of any origin. */
  readonly #now: () => number
  #stirredAt = Number.NEGATIVE_INFINITY

  constructor(longestMs: number, now: () => number = () => performance.now()) {
    this.#longestMs = longestMs
    this.#now = now
  }

  /** Something came, is to be committed, or is not read from now on: more may follow soon. */
  stir(): void {
    this.#stirredAt = this.#now()
  }

  /** For the client, which takes it for a number of ms. */
  get ms(): number {
    return this as unknown as number
  }

  /** Added to something it is a time-out for the answer, which is not to become shorter. */
  [Symbol.toPrimitive](hint: string): number {
    if (hint !== 'number') return this.#longestMs
    const sinceMs = Math.round(this.#now() - this.#stirredAt)
    return Math.min(this.#longestMs, Math.max(shortestMs, sinceMs))
  }
}
