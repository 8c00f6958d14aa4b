import type { KeyField, WaitFields, WriteFields } from '../producer/write-input.ts'
import type { TransactionProgress, TransactionState } from './transaction-store.ts'

/** What every mutation of a transaction may say of itself. */
export type MutationFields<Order extends 'key' | 'none' = 'key'> = Pick<
  WriteFields,
  'headers' | 'traceContext'
> &
  KeyField<Order>

/**
 * Gathers the mutations of a transaction, in their sequence; given to its `build`. `Input` is the payload
 * as written, `Name` the targets' names.
 *
 * A mutation is checked as a write is, and its target's `validate` is asked. Each call resolves once the mutation
 * is taken: await it where there are many, so that they do not pile up in memory. If one is refused, so is the
 * whole, also where nobody awaits that call.
 */
export interface Transaction<
  Input = unknown,
  Name extends string = string,
  Order extends 'key' | 'none' = 'key',
> {
  /** Its id: ask for its status by this. */
  readonly id: string
  /** Replaces a whole row or document at the target. */
  put(target: Name, mutation: MutationFields<Order> & { readonly payload: Input }): Promise<void>
  /** Sets some of its fields. */
  patch(
    target: Name,
    mutation: MutationFields<Order> & { readonly payload: Partial<Input> },
  ): Promise<void>
  /** Removes it. */
  delete(
    target: Name,
    mutation: MutationFields<Order> & { readonly payload?: Partial<Input> | undefined },
  ): Promise<void>
}

/** Fills a transaction. What it throws, or rejects with, ends it: nothing of it is applied. */
export type BuildTransaction<
  Input = unknown,
  Name extends string = string,
  Order extends 'key' | 'none' = 'key',
> = (tx: Transaction<Input, Name, Order>) => Promise<unknown> | unknown

/** How a transaction is sealed, and how long its caller waits. */
export interface TransactionOptions extends Pick<WaitFields, 'signal'> {
  /**
   * Longest wait from the call on, `build` included. Over before the set is being sealed it is a certain `'no'`, and what there
   * is of it is discarded; from then on `'unknown'`. Default: `transactions.openFor` until it is being sealed, then
   * the namespace's `writeTimeout`. One longer than `transactions.openFor` gives a set of more than one chunk (256 KiB) no more time: it is discarded that long after it
   * was opened, and nothing of it is applied.
   */
  readonly timeout?: WaitFields['timeout']
  /**
   * That of the receipt, when trying again after `'unknown'`. A UUID in lower case. Where nothing is known of it, and its time, as a UUIDv7, is
   * longer ago than `transactions.keep` less ten minutes (at most half of `keep`), it may have been applied and forgotten: the
   * answer is `'unknown'` again, and not retryable. One that is no UUIDv7, or is dated in the future, does not tell: try again
   * with it within that time only.
   */
  readonly id?: string | undefined
}

/** How a transaction is doing. */
export interface TransactionStatus<Name extends string = string> {
  readonly id: string
  readonly state: TransactionState
  /** In ms since the Unix epoch. */
  readonly openedAt: number
  /** When its state changed last, in ms since the Unix epoch. */
  readonly changedAt: number
  /** How many mutations it has; 0 while it is open. */
  readonly mutations: number
  /** What they take in the store, in bytes; 0 while it is open. */
  readonly bytes: number
  /** For each target that it has mutations for. */
  readonly targets: Readonly<Partial<Record<Name, TransactionTargetStatus>>>
}

/** How far a target has come with a transaction. `applied` may be somewhat behind. */
export type TransactionTargetStatus = Omit<TransactionProgress, 'attemptedAt'>
