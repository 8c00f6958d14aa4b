import type { WalError } from '../errors.ts'
import type { StoredRecord } from '../record.ts'

/** How an attempt that did not succeed ended. */
export type AttemptClass =
  | 'permanent'
  | 'transient'
  | 'throttled'
  | 'unavailable'
  | 'timeout'
  /** The process died while the attempt was under way. */
  | 'interrupted'

/** One failed try at a target, as kept in a dead letter's history. */
export interface Attempt {
  /** When it began, in ms since the Unix epoch. */
  readonly at: number
  readonly durationMs: number
  readonly target: string
  readonly class: AttemptClass
  readonly code: string
  readonly message: string
}

/** What has been tried for a record at a target, in its current attempt epoch. */
export interface AttemptState {
  /** Attempts that count against `maxAttempts`; the first one counts. */
  readonly spent: number
  /** Of these, how many ended with the death of the process. Such a record is applied alone. */
  readonly interrupted: number
  /** Not tried again before this instant, in ms since the Unix epoch; 0 for at once. */
  readonly notBefore: number
  /**
   * The failed attempts still known, oldest first; core keeps it short. May hold fewer than `spent`:
   * a queue may keep only the numbers over a restart.
   */
  readonly history: readonly Attempt[]
}

/** A record handed out under a lease: nobody else is given it until it is acked or released. */
export interface Delivery {
  readonly record: StoredRecord
  /**
   * Where it stands in the queue. Grows along a key's records; core compares positions of one key
   * only. Not shown to users.
   */
  readonly position: number | bigint
  /** Bytes it counts for in limits. */
  readonly bytes: number
  /** As last kept by this consumer; `noAttempts` for a record never tried. */
  readonly attempts: AttemptState
  /**
   * How often the queue has handed this record out to anybody, this time included, where it counts.
   * Not attempts: a record held behind another, or in an outage, is counted as well.
   */
  readonly handOuts?: number | undefined
  /** The consumer's own name for it; core hands it back as it is, also in a copy without the payload. */
  readonly handle?: unknown
  /**
   * Set where the queue's entry cannot be read as a record. `record` then holds what could be told,
   * the raw bytes as its payload; core dead-letters it at once and never applies it.
   */
  readonly unreadable?: WalError | undefined
  /**
   * Aborted when the lease is lost (a rebalance, an expired visibility): the record belongs to
   * somebody else, and the result of an apply under way is dropped. Where one delivery of a key
   * loses its lease, so do the later ones of that key. Core takes them out of their lane, and still
   * ends each with one `ack` or `release` once nothing is under way for it; those, and
   * `saveAttempts`, then change nothing and never reject. Absent where a lease cannot be lost.
   */
  readonly lease?: AbortSignal | undefined
}

/** How much one pull may bring, and how long it may wait. */
export interface PullOptions {
  /** At most so many deliveries; at least 1. */
  readonly maxRecords: number
  /** At most so many bytes, though one delivery is given even if it alone is larger. */
  readonly maxBytes: number
  /** Ends the wait; `pull` then resolves with what it has, possibly nothing. */
  readonly signal: AbortSignal
}

/** What to look for in a queue, and how long. */
export interface PullAheadOptions {
  /** True for a record that shall be handed out. Asked only of those that may go out now. */
  readonly wanted: (record: StoredRecord) => boolean
  /** Ends the search; what was found by then is handed out. */
  readonly signal: AbortSignal
}

/** How much a consumer has before it, for `status()`. Leased deliveries count as pending. */
export interface Backlog {
  /** Records not yet acked, without the delayed ones. */
  readonly pending: number
  /** Records whose `dueAt` lies ahead. */
  readonly delayed: number
  /** `writtenAt` of the oldest pending record; undefined if there is none or the queue cannot tell. */
  readonly oldestWrittenAt: number | undefined
  /** True where the counts are the vendor's estimates: nothing is decided on them. */
  readonly approximate?: boolean | undefined
}

/** The end of the queue at one instant: tells the records that were in it then from later ones. */
export interface Watermark {
  /** True if this delivery was in the queue at that instant. */
  covers(delivery: Delivery): boolean
  /**
   * How many of the records it covers are not acked yet; undefined if the queue cannot tell. Never too few; one that was
   * delayed may count for a moment longer.
   */
  remaining(): number | undefined | Promise<number | undefined>
  /**
   * Where `remaining` is undefined: for how long nothing of it must come, in ms, before a drain takes it
   * that nothing will. Asked again while nothing comes; default 2,000. A queue that hides what a
   * dead process held says how long it does.
   */
  silenceMs?(): number | Promise<number>
}

/**
 * The way out of the queue towards one target: pulls deliveries under a lease.
 *
 * - A consumer never hands out a record before its `dueAt`. Until then it holds up nothing; once
 *   due it joins the records of its key as if written then.
 * - On a queue with order `'key'`, the deliveries of one key come in their order in the queue. After
 *   a lost lease they may come again from an earlier one on, in their order. Core gives a key back
 *   from its last delivery to its first; a released one then comes before any later one of its key.
 * - Core gates keys, waits out backoff, and counts attempts; a consumer only remembers what core
 *   tells it. Not calling `pull` is how core holds back: the adapter keeps its leases alive
 *   meanwhile, for as long as its vendor allows.
 * - Core calls `pull` one at a time; the other methods may run at any time beside it.
 */
export interface Consumer {
  /**
   * How many acks core may have under way at once, 1 or more, and how many records fill a call to the
   * queue, 1 or more: beside an ack that is under way another goes only with a multiple of these. For a queue whose
   * acks are calls over a network. Records of one key are never in two of them. Core reads it once, at the start, and
   * refuses to start with anything but whole numbers of 1 or more (`ERR_CONFIG`).
   *
   * Default: one at a time, and what ends meanwhile goes with the next. Only the ack of a redriven copy goes beside
   * it, so that such a consumer keeps acks in the order of the calls.
   */
  readonly acks?: { readonly atOnce: number; readonly records: number } | undefined
  /**
   * Waits until there is something to hand out, the signal aborts, or the consumer is closed.
   * Rejects with a `WalError` if the queue cannot be read; core then backs off and pulls again.
   * After `close` it resolves with nothing, at once.
   */
  pull(options: PullOptions): Promise<readonly Delivery[]>
  /**
   * The records are done with for this target. Resolves once that is handed to the queue. It may
   * be forgotten in a crash, and the record is then delivered again. Acking twice is harmless.
   */
  ack(deliveries: readonly Delivery[]): Promise<void>
  /**
   * Gives leases back: each record is handed out again after its `delayMs` (0: as soon as may be)
   * with the attempts given here.
   */
  release(releases: readonly Release[]): Promise<void>
  /**
   * Notes that an attempt is about to begin, so that one which kills the process is counted: after
   * a crash, or a lease lost without a chance to say so, each record noted here and neither acked
   * nor passed to `saveAttempts` comes with `spent` and `interrupted` one higher. A consumer that
   * is told of losing a lease clears its marks. Must survive the death of the process, need not
   * survive a power cut. Optional: core does without where a queue counts deliveries itself.
   *
   * `soon` answers deliveries whose attempts will most likely begin within milliseconds. A consumer
   * that has to write its notes somewhere may note a few of those at the same time; one whose attempt
   * has not begun 20 ms later must be without a note again.
   */
  beginAttempts?(deliveries: readonly Delivery[], soon?: () => readonly Delivery[]): Promise<void>
  /**
   * Resolves once every ack so far survives what an acknowledged record survives; rejects where
   * that is not certain. Optional: core asks before it notes progress elsewhere that must not be more
   * lasting than these acks, on queues that keep order.
   */
  sync?(): Promise<void>
  /**
   * Remembers failed attempts while core keeps the lease to retry later; across a restart as far as
   * `QueueSupports.attempts` says.
   */
  saveAttempts(attempts: readonly SavedAttempts[]): Promise<void>
  /**
   * Reads leased records once more, answered in the order asked. Where offered, core drops the
   * payload of records held behind an earlier one of their key, and can hold many more of them.
   * Rejects if one cannot be read now; core then backs off and asks again.
   */
  reload?(deliveries: readonly Delivery[]): Promise<readonly StoredRecord[]>
  /**
   * Looks through all that lies behind what has been handed out, up to the end that the queue has at
   * the call, and hands out of it, before its turn, each record that is wanted; `pull` then passes
   * over it. Delayed records are not looked at. Ends early, with what it has, when the signal aborts.
   * May read the whole backlog, but keeps none of it: core asks for the redriven copy of a dead
   * letter that holds its key, where more records wait for it than may be held. Where it is not
   * offered, core pulls past its bounds until the copy comes.
   */
  pullAhead?(options: PullAheadOptions): Promise<readonly Delivery[]>
  /**
   * Makes leased records lasting outside of the queue, so that they hold up neither its progress nor, by that,
   * other keys: core asks for those that wait behind a dead letter of their key, which may be for long. They
   * stay leased, with their positions, until they are acked or released; whoever consumes next is handed
   * them before all later ones of their key. Of a key they are given in order and without gaps, once those before
   * them were acked or are about to be. Asking
   * twice is harmless. Rejects where it is not certain of one; core keeps them all and asks again.
   * Optional: without it they stay in the queue alone.
   */
  park?(deliveries: readonly Delivery[]): Promise<void>
  /**
   * Grows each time this consumer is given what another process may have delivered from, such as a partition,
   * before `pull` brings any of it. Core then learns which of its keys wait for a dead letter. Optional: for a
   * queue that is shared, and hands records over while their consumers run.
   */
  readonly takeovers?: number | undefined
  /** How much there is to do now. May read ahead in the queue: for `status()`, not for each record. */
  backlog(): Promise<Backlog>
  /** Marks the end of the queue as it is now. */
  watermark(options: { readonly includeDelayed: boolean }): Promise<Watermark>
  /**
   * Returns the leases, makes acks as lasting as the queue can, and gives up resources. Pending
   * pulls resolve with nothing. A second call does nothing more.
   */
  close(): Promise<void>
}

/** The attempts to remember for a delivery. */
export interface SavedAttempts {
  readonly delivery: Delivery
  readonly attempts: AttemptState
}

/** A lease given back. */
export interface Release extends SavedAttempts {
  /** At least so long until the record is handed out again, in ms. */
  readonly delayMs: number
}

/** The state of a record never tried. */
export const noAttempts: AttemptState = Object.freeze({
  spent: 0,
  interrupted: 0,
  notBefore: 0,
  history: Object.freeze([]),
})
