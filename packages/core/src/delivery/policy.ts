import type { BatchLimits } from '../target/target.ts'

/** How failed attempts are retried. */
export interface RetryPolicy {
  /** Attempts in all, the first one included; at least 1. */
  readonly maxAttempts: number
  /** Backoff after the first failed attempt, in ms; it doubles with each. */
  readonly minDelayMs: number
  /** The longest backoff, in ms. */
  readonly maxDelayMs: number
}

/** When delivery to a target pauses, and for how long. */
export interface BreakerPolicy {
  /** So many different records failing in a row, none succeeding between, open it. */
  readonly failures: number
  /** Wait before the first probe, in ms; it doubles with each probe that fails. */
  readonly minOpenMs: number
  /** The longest wait between probes, in ms. */
  readonly maxOpenMs: number
}

/** How fast records may go to a target. */
export interface RateLimitPolicy {
  readonly perSecond: number
  /** Records that may go at once after a pause. */
  readonly burst: number
}

/** How fast records may go to a target that is far behind. */
export interface CatchUpPolicy {
  readonly perSecond: number
  /** It is far behind while its next record was due longer ago, in ms. */
  readonly behindMs: number
}

/** Everything that can be said about delivery to one target, with every default filled in. */
export interface DeliveryPolicy {
  /** `'key'`: a key's records go one after the other, in order. `'none'`: each goes by itself. */
  readonly order: 'key' | 'none'
  /** After a dead letter its key goes on, or waits until the letter is redriven or discarded. */
  readonly onDeadLetter: 'continue' | 'block'
  readonly retry: RetryPolicy
  /** `lingerMs`: how long a batch that is not full waits for more; 0 for not at all. */
  readonly batch: BatchLimits & { readonly lingerMs: number }
  /** Batches being applied at once; at least 1. */
  readonly concurrency: number
  /** Longest time one apply may take, in ms. */
  readonly applyTimeoutMs: number
  /**
   * How long after that an apply that does not heed its signal still holds its keys, in ms.
   * Default: as long again as `applyTimeoutMs`.
   */
  readonly applyGraceMs?: number | undefined
  readonly breaker: BreakerPolicy
  readonly rateLimit: RateLimitPolicy | undefined
  /** Undefined: no slower while it is behind. */
  readonly catchUp?: CatchUpPolicy | undefined
  /**
   * Bounds on what is held in memory: `maxRecords` waiting out a backoff or behind an earlier record of
   * their key, `maxBytes` of payloads altogether. Past either nothing more is pulled.
   */
  readonly held: BatchLimits
  /**
   * A record that its target puts off becomes a dead letter once its key has been put off for so long, in ms.
   * Default: it is held for good.
   */
  readonly heldForMs?: number | undefined
  /**
   * A record that its target puts off becomes a dead letter once half of what may be held is, so that those put
   * off never stop the others. Default: it is held however many there are.
   */
  readonly parksHeld?: boolean | undefined
  /**
   * For so long at most, in ms, others of the process wait for an apply after a crash: while records are applied that may
   * have killed it, nothing else is under way. Then all that are bounded like this go beside the others. Default: until
   * it has ended.
   */
  readonly aloneForMs?: number | undefined
}
