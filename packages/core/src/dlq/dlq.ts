import type { Attempt } from '../consumer/consumer.ts'
import type { StoredRecord } from '../record.ts'

/** A record that cannot be applied to a target, as a dead-letter queue stores it. */
export interface StoredDeadLetter {
  /**
   * Names it: `deadLetterId(record, target)`. Putting a letter with the same id replaces the older
   * one, so that a crash between put and ack leaves one letter, not two.
   */
  readonly id: string
  readonly record: StoredRecord
  /** The target it could not be applied to. */
  readonly target: string
  /** When it was dead-lettered, in ms since the Unix epoch. */
  readonly at: number
  /** The last attempt's code and message: what a person reads first. */
  readonly code: string
  readonly message: string
  /** Attempts that counted against `maxAttempts`. */
  readonly attemptsSpent: number
  /** The failed attempts still known, oldest first; the last one is why it is here. Never empty. */
  readonly attempts: readonly Attempt[]
  /**
   * True where its bytes were damaged in storage: `record` then holds what else was known of it, and
   * no payload. Such a letter can be discarded, and is not redriven.
   */
  readonly damaged?: boolean | undefined
}

/** Which letters are meant: those that match everything given. */
export interface DeadLetterFilter<Name extends string = string> {
  readonly target?: Name | undefined
  readonly key?: string | undefined
  /** The code of the last attempt. */
  readonly code?: string | undefined
  /** Dead-lettered at or after this instant, in ms since the Unix epoch. */
  readonly since?: number | undefined
  /** Dead-lettered before this instant, in ms since the Unix epoch. */
  readonly until?: number | undefined
}

/** Which letters, and how many of them at once. */
export interface DeadLetterPageOptions<Name extends string = string>
  extends DeadLetterFilter<Name> {
  /** At most so many, 1 to 1,000; default 100. */
  readonly limit?: number | undefined
  /** `next` of the page before. */
  readonly after?: string | undefined
}

/** Some of the letters, in the order in which they were put. */
export interface StoredDeadLetterPage {
  readonly letters: readonly StoredDeadLetter[]
  /** Pass as `after` to go on; undefined at the end. */
  readonly next: string | undefined
  /**
   * True where a bounded look ended before it was certain to have seen every letter: others may be there that
   * no page of it gives. Never where the queue lists them all.
   */
  readonly cut?: boolean | undefined
}

/** What a dead-letter queue can do by itself. Data, so that core can check it when it opens a namespace. */
export interface DeadLetterSupports {
  /**
   * True if `list`, `get` and `summaries` see every letter, in order. False: each is a bounded look at some of
   * them. `onDeadLetter: 'block'` is then refused, and letters of redriven records that a crash left behind stay.
   */
  readonly listing: boolean
  /** True if `count` answers. False: it rejects with `ERR_NOT_SUPPORTED`, and `status()` leaves `dead` open. */
  readonly counts: boolean
}

/** What a dead-letter queue is told as its namespace opens. */
export interface DeadLetterQueueContext {
  /** The namespace whose letters these are. */
  readonly namespace: string
}

/** One letter without its bytes: what core needs to count, and to know which keys wait. */
export interface DeadLetterSummary {
  readonly id: string
  readonly recordId: string
  readonly target: string
  readonly key: string | undefined
  readonly attemptEpoch: number
  /** Tells another write that a caller gave the same id from this one. */
  readonly version: bigint
}

/**
 * Where dead letters wait until redriven or discarded. As durable as its queue: a source record is
 * acked only after `put` has resolved. Letters are listed in the order in which they were put.
 */
export interface DeadLetterQueue {
  /** What it can do by itself. Default: everything. */
  readonly supports?: DeadLetterSupports | undefined
  /**
   * Optional: called as the namespace opens, before anything else, for what a queue of letters does by itself.
   * Rejects where it cannot be used, and `createWal` with it.
   */
  open?(context: DeadLetterQueueContext): Promise<unknown>
  /** Resolves once all are durable; rejects if that is not certain, and then core does not ack. */
  put(letters: readonly StoredDeadLetter[]): Promise<void>
  /**
   * A page of the letters that match. Going on with `next` skips none that was there at the first
   * page and stayed; those put meanwhile may come too. Rejects with `ERR_INVALID_SELECTION` for a
   * limit out of range, and for an `after` that no page gave.
   */
  list(options: DeadLetterPageOptions): Promise<StoredDeadLetterPage>
  /**
   * The letter of this id, or undefined if there is none, or no longer. Rejects with `ERR_DEAD_LETTERS_UNSEEN` where it
   * may be there and be seen later.
   */
  get(id: string): Promise<StoredDeadLetter | undefined>
  /**
   * Resolves once the letters are durably gone. Unknown ids are passed over. Answers how many it had. Rejects with
   * `ERR_DEAD_LETTERS_UNSEEN`, the others being gone, where some of them may be there and be seen later.
   */
  remove(ids: readonly string[]): Promise<number>
  /**
   * Optional, for one that cannot list: these letters are void, since the copies of their records have come to their
   * ends, and most of them are gone. Removes what it has at hand or comes across, and looks for nothing. Without it core
   * calls `remove`.
   */
  removeIfSeen?(ids: readonly string[]): Promise<void>
  /** Every letter, without its bytes. */
  summaries(): AsyncIterable<DeadLetterSummary>
  /** How many letters wait, per target. */
  count(): Promise<ReadonlyMap<string, number>>
  /** Waits for what is under way, then gives up its resources. A second call does nothing more. */
  close(): Promise<void>
}

/**
 * A record dead-letters at most once per target and attempt epoch. The epoch is part of the id so
 * that removing a letter whose record was redriven never takes away the letter of its next failure.
 */
export function deadLetterId(
  record: Pick<StoredRecord, 'id' | 'attemptEpoch'>,
  target: string,
): string {
  return `${record.id}.${record.attemptEpoch}:${target}`
}
