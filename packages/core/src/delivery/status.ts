import type { Backlog } from '../consumer/consumer.ts'
import type { BreakerState } from './breaker.ts'
import type { HeldPart } from './put-off.ts'

/** What became of deliveries since `start`. */
export interface DeliveryCounters {
  readonly applied: number
  readonly superseded: number
  /** Deliveries that had been handed out before: after a restart, a release, or a lost lease. */
  readonly redelivered: number
  /** Failed attempts that another one follows. */
  readonly retried: number
  readonly deadLettered: number
  /** Dropped under `deadLetters: 'off'`. */
  readonly lost: number
}

/** How delivery to one target is doing. */
export interface TargetStatus extends DeliveryCounters {
  /** Records in the queue not yet done with for this target, without the delayed ones. */
  readonly pending: number
  /** Records whose `dueAt` lies ahead. */
  readonly delayed: number
  /** Records being applied. */
  readonly inFlight: number
  /** Records in memory that wait out a backoff or behind an earlier one of their key, or that the target has put off. */
  readonly held: number
  /** By what part of the target records have been put off and wait; the twenty with most of them, these first. */
  readonly heldParts: readonly HeldPart[]
  /** True while nothing is pulled because `held`, or the bytes in memory, reached their bound. */
  readonly full: boolean
  /** Age of the oldest pending record, in ms; 0 without one, undefined where the queue cannot tell. */
  readonly lagMs: number | undefined
  /** Keys that wait because a record of theirs is in the dead-letter queue. */
  readonly blockedKeys: number
  readonly breaker: BreakerState
  /** True while it is so far behind a peer that `catchUp` of the replication bounds its rate. */
  readonly isCatchingUp: boolean
  /** When delivery is tried again, in ms since the Unix epoch; undefined while it is not paused. */
  readonly pausedUntil: number | undefined
}

/** Age of the oldest pending record at an instant, in ms; undefined where the queue cannot tell. */
export function lagOf({ pending, oldestWrittenAt }: Backlog, now: number): number | undefined {
  if (oldestWrittenAt !== undefined) return Math.max(0, now - oldestWrittenAt)
  return pending > 0 ? undefined : 0
}

/** Counters that can still count. */
export type MutableCounters = { -readonly [K in keyof DeliveryCounters]: number }

/** All at 0. */
export function newCounters(): MutableCounters {
  return { applied: 0, superseded: 0, redelivered: 0, retried: 0, deadLettered: 0, lost: 0 }
}
