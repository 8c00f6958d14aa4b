/** From here on a call is late, in ms: a busy event loop alone hardly ever takes as long. */
const lateMs = 20
/** So many looks at the pool in a row have to come to the same result before it counts. */
const looksInARow = 3
/** Rest between two looks at a pool that was late, in ms. */
const restMs = 250

export interface PoolWatchOptions {
  /** Has the pool do next to nothing. Settles when it has. */
  look(): Promise<unknown>
  /** Ms that only ever grow. */
  now(): number
}

/**
 * Tells whether Node's thread pool is late because of all that other work in it. A call to the disk
 * that takes long may also mean a slow disk; so then it has the pool do something that needs no disk.
 *
 *   timely ── three looks in a row take long, or one does not come back ──▶ late
 *   late ── three looks in a row come back soon ──▶ timely
 *
 * It looks only while calls are made: there is no timer.
 */
export class PoolWatch {
  readonly #options: PoolWatchOptions
  #late = false
  /** Looks in a row that contradict `#late`. */
  #contradictions = 0
  /** When the look under way was begun. */
  #lookingSince: number | undefined
  #lookedAt = Number.NEGATIVE_INFINITY
  /** When those calls were begun that are on their way; the oldest first. */
  readonly #callsSince = new Set<{ readonly at: number }>()

  constructor(options: PoolWatchOptions) {
    this.#options = options
  }

  /** To be asked before each call: true if it had better not go through the pool. May begin a look. */
  isLate(): boolean {
    const now = this.#options.now()
    if (this.#lookingSince === undefined) {
      if (this.#late ? now - this.#lookedAt >= restMs : this.#isWaiting(now)) void this.#look(now)
    } else if (now - this.#lookingSince >= lateMs * looksInARow) this.#late = true
    return this.#late
  }

  /** Follows a call that went through the pool, and answers it: whoever waits for it waits no longer. */
  follow<T>(call: Promise<T>): Promise<T> {
    const since = { at: this.#options.now() }
    this.#callsSince.add(since)
    const ended = (): void => {
      this.#callsSince.delete(since)
      const now = this.#options.now()
      if (now - since.at >= lateMs && this.#lookingSince === undefined) void this.#look(now)
    }
    call.then(ended, ended)
    return call
  }

  #isWaiting(now: number): boolean {
    for (const { at } of this.#callsSince) return now - at >= lateMs
    return false
  }

  async #look(now: number): Promise<void> {
    this.#lookingSince = now
    await this.#options.look().catch(() => {})
    this.#lookedAt = this.#options.now()
    this.#lookingSince = undefined
    const wasLate = this.#lookedAt - now >= lateMs
    this.#contradictions = wasLate === this.#late ? 0 : this.#contradictions + 1
    if (this.#contradictions >= looksInARow) {
      this.#late = wasLate
      this.#contradictions = 0
    } else if (wasLate && !this.#late) void this.#look(this.#lookedAt)
  }
}
