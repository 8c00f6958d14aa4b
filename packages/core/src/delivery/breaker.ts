import type { Random } from '../random.ts'
import type { BreakerPolicy } from './policy.ts'
import { halfJitterMs } from './retry-policy.ts'

/** Whether records go to the target. */
export type BreakerState = 'closed' | 'open' | 'half-open'

/** Why it opened: the target is down, or records fail one after the other. */
export type BreakerReason = 'unavailable' | 'failures'

/**
 * Keeps records from a target that is down.
 *
 * ```text
 *            unavailable, or a run of failures
 *   closed ────────────────────────────────────▶ open ◀─┐
 *     ▲                                           │     │ the probe fails:
 *     │ the probe succeeds            time is up  │     │ open for longer
 *     └────────────────── half-open ◀─────────────┘     │
 *                             └─────────────────────────┘
 * ```
 *
 * Each opening begins a new generation. What was begun in an earlier one tells of the target as it
 * was then, and moves the breaker no more.
 */
export class Breaker {
  readonly #policy: BreakerPolicy
  readonly #random: Random
  #state: BreakerState = 'closed'
  #reason: BreakerReason = 'unavailable'
  #generation = 0
  /** Openings since a record was last applied. */
  #openings = 0

  constructor(policy: BreakerPolicy, random: Random) {
    this.#policy = policy
    this.#random = random
  }

  get state(): BreakerState {
    return this.#state
  }

  /** Why it opened last. */
  get reason(): BreakerReason {
    return this.#reason
  }

  get generation(): number {
    return this.#generation
  }

  /** Opens, and answers for how long, in ms: longer each time, until a record is applied. */
  open(reason: BreakerReason, atLeastMs = 0): number {
    this.#state = 'open'
    this.#reason = reason
    this.#generation++
    this.#openings++
    const { minOpenMs, maxOpenMs } = this.#policy
    const bounds = { minDelayMs: minOpenMs, maxDelayMs: maxOpenMs }
    return Math.max(atLeastMs, halfJitterMs(bounds, this.#openings, this.#random))
  }

  /** The time is up: one probe may go. */
  halfOpen(): void {
    if (this.#state === 'open') this.#state = 'half-open'
  }

  close(): void {
    this.#state = 'closed'
  }

  /** A record was applied: the next opening is a short one again. */
  succeeded(): void {
    this.#openings = 0
  }
}
