import type { Clock } from '../clock.ts'
import type { StoredRecord } from '../record.ts'
import type { CatchUpPolicy } from './policy.ts'
import { RateLimit } from './rate-limit.ts'

/**
 * Bounds how fast a target that is far behind is brought up to date, so that the backlog of days does
 * not take the process, the network and the target away from what is written meanwhile. Once the next
 * record is a recent one it bounds nothing.
 */
export class CatchUp {
  readonly #behindMs: number
  readonly #clock: Clock
  readonly #rate: RateLimit
  #isBounding = false

  constructor({ perSecond, behindMs }: CatchUpPolicy, clock: Clock) {
    this.#behindMs = behindMs
    this.#clock = clock
    // What is saved up is small: a peer that comes back is not to be met with a second's worth at once.
    this.#rate = new RateLimit({ perSecond, burst: Math.max(1, perSecond / 10) }, clock)
  }

  /** True if the last batch that was to begin began with a record that is old. */
  get isBounding(): boolean {
    return this.#isBounding
  }

  /** The rate for a batch that begins with this record; undefined for none. */
  rateFor(next: StoredRecord | undefined): RateLimit | undefined {
    if (next === undefined) return undefined
    const since = Math.max(next.writtenAt, next.dueAt ?? 0)
    this.#isBounding = this.#clock.now() - since > this.#behindMs
    return this.#isBounding ? this.#rate : undefined
  }
}
