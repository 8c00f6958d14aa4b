import type { WalError } from '../errors.ts'
import type { StoredRecord } from '../record.ts'

/** Whether a record survives what its queue promises to survive. `'unknown'` means just that. */
export type Durable = 'yes' | 'no' | 'unknown'

/** What became of one record of a batch. `error` says why, where the answer is not `'yes'`. */
export interface SendOutcome {
  readonly durable: Durable
  readonly error?: WalError
}

/** How a batch is sent. */
export interface SendOptions {
  /** Aborted once nobody waits for the answer any more. Records already on their way may still land. */
  readonly signal?: AbortSignal | undefined
}

/**
 * The entry door: puts records into a queue, durably.
 *
 * Core calls `send` many times at once; an adapter batches as suits its vendor. Of the records of
 * one key that are sent one after the other, also without waiting, those that answer `'yes'` are
 * stored in that order; one that answers `'unknown'` may still land later.
 */
export interface Producer {
  /**
   * Resolves with one outcome per record, in the same order, once each is known to be durable,
   * known not to be, or not going to be known. Failures of the world are outcomes, not rejections.
   * The records and their payload bytes must not be changed by either side until it resolves.
   * After `close` every outcome is `'no'` with `ERR_CLOSED`.
   */
  send(records: readonly StoredRecord[], options?: SendOptions): Promise<readonly SendOutcome[]>
  /** Waits for what is on its way, then gives up its resources. A second call does nothing more. */
  close(): Promise<void>
}
