import type { Op, WalRecord } from '../record.ts'

/**
 * What makes applying a record twice harmless.
 *
 * - `'version'`: an older change changes nothing. Safe under redelivery and disorder.
 * - `'id'`: the record's id is passed on as idempotency key.
 * - `'none'`: nothing does, unless the function sees to it.
 */
export type Idempotency = 'version' | 'id' | 'none'

/** What a target says of one record. Make them with `applied`, `superseded`, `permanent`, … */
export type Outcome =
  | { readonly status: 'applied' }
  /** The target already holds something newer. */
  | { readonly status: 'superseded' }
  | FailureOutcome
  | HeldOutcome

/** How a failure is to be taken. */
export type FailureClass = 'permanent' | 'transient' | 'throttled' | 'unavailable'

/** What a target says of a record it did not apply. */
export interface FailureOutcome {
  /**
   * - `permanent`: will never succeed as it is; dead-lettered at once.
   * - `transient`: may succeed later; retried with backoff.
   * - `throttled`: the target asks for less; delivery pauses and no attempt is spent.
   * - `unavailable`: the target is down; the breaker opens and no attempt is spent, unless it is always this record,
   *   by itself, that the target goes down with: from the sixth time on, others being applied between, attempts are spent.
   */
  readonly status: FailureClass
  /** The store's own reason as a short stable word, for grouping. */
  readonly code: string
  readonly message: string
  /** How long to wait, in ms, where the target said so. More than an hour counts as an hour. */
  readonly retryAfterMs?: number | undefined
  readonly cause?: unknown
}

/** What a target says of a record that it takes not now, for a reason that passes. */
export interface HeldOutcome extends Omit<FailureOutcome, 'status'> {
  /** It waits with its key, and spends no attempt. Others go on. */
  readonly status: 'held'
  /** Which part of the target is away, such as a host or an index: for `status()` and alarms. Default: its code. */
  readonly part?: string | undefined
  /** True if nothing was sent for it, as it is known that the part is away: it counts not in the rate limit. Default false. */
  readonly untried?: boolean | undefined
}

/** What an apply is told beside its records. */
export interface ApplyContext {
  readonly namespace: string
  readonly target: string
  /**
   * Aborted when the time-out of this apply is over or the wal closes. Heed it: until the apply
   * has settled its keys are held.
   */
  readonly signal: AbortSignal
  /** Per record: which attempt this is, counted from 1. */
  readonly attempts: readonly number[]
  /**
   * Names this opening of the namespace, unlike any other's, for targets that forward records: so
   * that none comes back to where it has been. Given by a wal; undefined elsewhere.
   */
  readonly place?: string | undefined
  /** True if the target is another region's end: it passes records on, or is a store there. Default false. */
  readonly isPeer?: boolean | undefined
}

/** How records are grouped for one `apply`. */
export interface BatchLimits {
  readonly maxRecords: number
  readonly maxBytes: number
}

/**
 * The exit door: where mutations are applied. Core batches, orders, retries and times out; a
 * target translates and classifies.
 */
export interface Target<P = unknown> {
  readonly idempotency: Idempotency
  /** Ops it can apply; default all three. A write of another op is refused. */
  readonly ops?: readonly Op[] | undefined
  /**
   * True if it applies a batch's records strictly one after the other, and stops at, or reports, the first failure of
   * a key. A batch then may hold several records of a key, and several mutations of a transaction.
   *
   * `'key'` if that holds for the records of each key, and not between keys: these may be applied side by side, or one of
   * them although another fails. Then mutations of a transaction, which are applied in sequence, go one by one. Default false.
   */
  readonly appliesInOrder?: boolean | 'key' | undefined
  /**
   * True if it is no store, and passes records on as they are, with their versions: what an older
   * change may do there is for whatever is behind it. As another region's end it is given several
   * records of a key at once. `'peer'`: it passes them on there only, and counts as a store elsewhere. Default false.
   */
  readonly passesOn?: boolean | 'peer' | undefined
  /**
   * True if it compares versions field by field, so that patches come to the same in any order. One that compares a row's
   * version as a whole leaves out an older patch that comes later, with all that it sets: regions that write the same
   * rows would differ, and a replicated namespace takes patches only where each of its stores says true. Default false.
   */
  readonly guardsFields?: boolean | undefined
  /** Largest batch it can take; the namespace's own limits may be lower. */
  readonly largestBatch?: Partial<BatchLimits> | undefined
  /**
   * Applies the records and resolves with one outcome each, in the same order. Resolving with
   * undefined means all were applied. A rejection is for the batch as a whole: core classifies the
   * error and, unless the target is unavailable or throttles, halves the batch to find the culprit.
   * May be called several times at once with different keys; never twice at once with one key
   * where the namespace has order `'key'`.
   */
  apply(
    records: readonly WalRecord<P>[],
    context: ApplyContext,
  ): Promise<readonly Outcome[] | undefined | void>
  /**
   * Called at `write`, before the record is durable, where a target can know early that it will
   * never take it. Returns the reason, or undefined if it is fine.
   */
  validate?(record: WalRecord<P>): string | undefined
  /** What the target holds for a key, for later comparison. */
  read?(key: string, options: { readonly signal: AbortSignal }): Promise<unknown>
  /** Resolves if the target can be reached; the breaker's probe. Without it a single record probes. */
  health?(options: { readonly signal: AbortSignal }): Promise<void>
  /**
   * For how long, in ms, the target remembers that a key was deleted; undefined for good. Until then
   * an older change of the key is turned away, later it would bring the key back. A replay asks it,
   * also before the target is opened, and refuses records that were stored longer ago. Where it
   * rejects nothing is replayed. Without it deletes count as remembered for good.
   */
  remembersDeletesMs?(options: {
    readonly signal: AbortSignal
  }): Promise<number | undefined> | number | undefined
  /**
   * Called before the first apply. Where it rejects the target counts as unavailable, and it is
   * called again with the next probe.
   */
  open?(): Promise<void>
  /** Called once after the last apply, if the target was opened. */
  close?(): Promise<void>
}

/** Applies a batch: a target in its shortest form. */
export type ApplyBatch<P = unknown> = Target<P>['apply']

/** The record was applied. */
export const applied: Outcome = Object.freeze({ status: 'applied' })

/** The target already holds something newer; nothing was changed. */
export const superseded: Outcome = Object.freeze({ status: 'superseded' })

/** What else may be said of a failure. */
export interface FailureDetails {
  readonly retryAfterMs?: number | undefined
  readonly cause?: unknown
}

/** What else may be said of a record that is put off. */
export interface HeldDetails extends FailureDetails {
  /** Which part of the target is away, such as a host or an index. Default: the code. */
  readonly part?: string | undefined
  /**
   * True if nothing was sent for it, as it is known that the part is away. It does not count in the rate limit then, or many that
   * are held would leave nothing of it for the others. Default false.
   */
  readonly untried?: boolean | undefined
}

/** It will never succeed as it is: dead-letter it at once. */
export function permanent(code: string, message: string, details?: FailureDetails): FailureOutcome {
  return { status: 'permanent', code, message, ...details }
}

/** It may succeed later: retry with backoff. */
export function transient(code: string, message: string, details?: FailureDetails): FailureOutcome {
  return { status: 'transient', code, message, ...details }
}

/** The target asks for less: pause, and spend no attempt. */
export function throttled(code: string, message: string, details?: FailureDetails): FailureOutcome {
  return { status: 'throttled', code, message, ...details }
}

/**
 * The target is down: open the breaker, and spend no attempt. From the sixth time on that it is down for one and the
 * same record, others being applied between, that one's are spent: it may be what brings the target down.
 */
export function unavailable(
  code: string,
  message: string,
  details?: FailureDetails,
): FailureOutcome {
  return { status: 'unavailable', code, message, ...details }
}

/**
 * Not this record, for now, for a reason that passes: it waits with its key, and spends no attempt; a
 * second, unless `retryAfterMs` says otherwise. Once for each record the event `held` tells of it.
 */
export function held(code: string, message: string, details?: HeldDetails): HeldOutcome {
  return { status: 'held', code, message, ...details }
}
