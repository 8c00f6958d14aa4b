import type { WalErrorCode } from '../errors.ts'
import type { StoredRecord } from '../record.ts'
import type { BatchLimits } from '../target/target.ts'

/** What came of the attempt to begin with a transaction at a target, or to go on with it. */
export type TransactionBeginning =
  /** Nothing is left to do here: it was applied before, or this marker is a duplicate. */
  | { readonly kind: 'done' }
  /** The store does not show all of it yet. */
  | { readonly kind: 'notYet'; readonly delayMs: number }
  /** It can never be applied as it is. */
  | { readonly kind: 'refused'; readonly code: WalErrorCode; readonly message: string }
  | { readonly kind: 'ready'; readonly run: TransactionRun }

/** One attempt at a transaction, for one target. */
export interface TransactionRun {
  /** True if the attempt before this one got further than where it had begun. */
  readonly progressed: boolean
  /**
   * The next mutations in their sequence that are not applied; none at the end. In a promise where the store has to be
   * asked; it rejects where that fails.
   */
  next(limits: BatchLimits): readonly StoredRecord[] | Promise<readonly StoredRecord[]>
  /** The first so many of those that `next` gave are applied; it gives the others again. Undefined where nothing is noted of it. */
  advance(count: number): Promise<void> | undefined
  /** The mutation cannot be applied now. Remembered in case the transaction is parked for it. */
  failedAt(mutation: StoredRecord): void
  /** Notes how far it has come: not lasting, unless all is applied. Rejects where the store fails. */
  end(): Promise<void>
}

/** What delivery needs to know of transactions. */
export interface TransactionSource {
  /**
   * The keys in whose order this marker stands at a target, where it names them. Undefined if it is
   * not for this target.
   */
  keysOf(marker: StoredRecord, target: string): readonly string[] | undefined
  /** The targets that this marker says it has mutations for. */
  targetsOf(marker: StoredRecord): readonly string[]
  /** Begins, or goes on where an earlier attempt has stopped. Rejects where the store fails. */
  begin(marker: StoredRecord, target: string): Promise<TransactionBeginning>
}
