import type { Duration } from './config/quantity.ts'
import type { DelayHops } from './delay-hops.ts'
import type { CancelFate, NewTime, RescheduleFate } from './delayed-records.ts'
import type { DrainReport } from './delivery/drain.ts'
import type { TargetStatus } from './delivery/status.ts'
import type { DeadLetters } from './dlq/dead-letters.ts'
import type { Receipt } from './producer/receipt.ts'
import type {
  DeleteInput,
  WaitFields,
  WriteInput,
  WriteManyInput,
  WriteManyOptions,
} from './producer/write-input.ts'
import type { KeptRecords } from './queue/queue.ts'
import type { ForwardedRecord } from './record.ts'
import type { ReplicationStatus } from './region/replication-status.ts'
import type { ReplayOptions, ReplayReport } from './replay/replay.ts'
import type {
  BuildTransaction,
  TransactionOptions,
  TransactionStatus,
} from './transaction/transaction.ts'

/**
 * A handle on one namespace. `P` is its payload as targets see it, `Name` its targets' names,
 * `Input` its payload as written, before its schema has run. Under `Order` `'key'` its writes must
 * name a key; the default stands for either, so that every handle can be passed on as one.
 */
export interface Namespace<
  P = unknown,
  Name extends string = string,
  Input = P,
  Order extends 'key' | 'none' = 'key' | 'none',
> {
  readonly name: string
  /**
   * Resolves once the record is durable, with its receipt.
   *
   * Rejects with `NotDurableError` (its `receipt` tells `'no'` from `'unknown'`) if it is not, with
   * `OverloadedError` if it found no room in flight (shed, or no longer waiting), with `ERR_CLOCK_DRIFT` in a replicated namespace whose clock
   * is off, or with a `WalError` that says what is wrong with the input; then nothing was stored.
   */
  write(input: WriteInput<Input, Name, Order>): Promise<Receipt>
  /** Like `write`, with every outcome as a receipt. Wrong input and `ERR_CLOCK_DRIFT` still reject. */
  tryWrite(input: WriteInput<Input, Name, Order>): Promise<Receipt>
  /**
   * Writes many, and resolves with one receipt each, in order. If any input is wrong it rejects
   * with that input's error, and nothing was stored.
   */
  writeMany(
    inputs: readonly WriteManyInput<Input, Name, Order>[],
    options?: WriteManyOptions,
  ): Promise<readonly Receipt[]>
  /**
   * Takes records that exist already, as targets of another wal see them: for `walTarget`, and for
   * whatever brings records from another process. Each keeps its id, version, origin, key, op, headers
   * and time of writing; versions given out here afterwards are above its version. It goes to all
   * targets, as new work, behind what its key has here; the namespace's `delay` holds for it too. Its
   * payload is as targets see it: the schema is not run again. The same record may be taken any number
   * of times.
   *
   * Resolves with one receipt each, in order, also for what is wrong: `durable: 'no'` with
   * `ERR_INVALID_RECORD`, with `ERR_VERSION_AHEAD` for a version more than a day ahead of the clock
   * (in a replicated namespace: more than `maxDrift`, and `ERR_UNKNOWN_REGION` for what is of no peer), or
   * with what a write is refused for. A record that comes back to where it has been is answered
   * `'yes'`, and not stored again.
   */
  forward(records: readonly ForwardedRecord<P>[], options?: WaitFields): Promise<readonly Receipt[]>
  /** Writes a delete: like `write` with op `'delete'`. */
  delete(input: DeleteInput<Input, Name, Order>): Promise<Receipt>
  /**
   * Takes a delayed record back before it is due, by the id of its receipt. At every target where it
   * waits still it is done with, unapplied; that is lasting once this resolves. Answers for each
   * target what became of it there: asked again, a record that was cancelled is `'unknown'`. Works
   * before `start` too.
   *
   * Rejects with `ERR_NOT_SUPPORTED` if the queue cannot, or with a `WalError` if it cannot be read,
   * or if the cancellation cannot be made lasting: then it holds until the process ends.
   */
  cancel(id: string): Promise<Readonly<Record<Name, CancelFate>>>
  /**
   * Gives a delayed record another time before it is due: sooner, later, or at once. It keeps its
   * id, its version and its payload. Once this resolves it does not come at its old time any more;
   * where the process dies before, it may come at both. Answers for each target like `cancel`.
   *
   * Rejects with `ERR_INVALID_DELAY` for a time that is further ahead than the namespace allows,
   * with `ERR_NOT_DURABLE` if the new time could not be stored, and otherwise like `cancel`.
   */
  reschedule(id: string, time: NewTime): Promise<Readonly<Record<Name, RescheduleFate>>>
  /**
   * Applies a past range of the log again, at one target: for a store that was restored from a
   * backup, or is new. Each record is sent once more with its id and its version, behind what waits
   * for that target, and delivered like any other, once the wal is started. Resolves once all are
   * durable, or with `complete: false` where the signal ends it before.
   *
   * Rejects, with nothing sent, with `ERR_INVALID_REPLAY`, `ERR_UNKNOWN_TARGET`, `ERR_NOT_SUPPORTED` if
   * the queue keeps no past, `ERR_NOT_KEPT` if the range begins before what is kept, and
   * `ERR_REPLAY_UNGUARDED` if the target does not guard by version, `ERR_REPLAY_TOO_OLD` if the
   * oldest records are older than its memory of deletes; with `ReplayError` where it ends before its
   * end.
   */
  replay(options: ReplayOptions<P, Name>): Promise<ReplayReport>
  /**
   * Many mutations, of any number of keys and targets, all or nothing, in sequence. `build` is given what they
   * are added to. Resolves once all of them are durable, and will be applied; readers may see a part of them
   * meanwhile. It is delivered in the order of its keys on queues that one process reads whole; on
   * others versions decide.
   *
   * Rejects, and nothing of it is ever applied, with what `build` throws, with the error of the first mutation
   * that is refused, with `ERR_TRANSACTION_TOO_LARGE`, or `ERR_NOT_SUPPORTED` if the namespace has no
   * `transactions`; with `NotDurableError` (its `receipt` tells `'no'` from `'unknown'`) if it is not sealed. After
   * `'unknown'` try again with the receipt's id: what was sealed then is not built once more.
   *
   * @example
   * await orders.transaction(async (tx) => {
   *   await tx.put('orders', { key: order.id, payload: order })
   *   await tx.delete('carts', { key: order.cart })
   * })
   */
  transaction(
    build: BuildTransaction<Input, Name, Order>,
    options?: TransactionOptions,
  ): Promise<Receipt>
  /**
   * How a transaction is doing, by the id of its receipt; undefined for one that is not known, or ended
   * longer ago than it is kept (`transactions.keep`). Rejects with `ERR_NOT_SUPPORTED` if the namespace has none.
   */
  transactionStatus(id: string): Promise<TransactionStatus<Name> | undefined>
  /** The records that could not be applied. */
  readonly deadLetters: DeadLetters<P, Name>
  /**
   * How its writes and targets are doing. Rejects with `ERR_CLOSED` once it is closed, and where its queue or its
   * dead letters cannot be read.
   */
  status(): Promise<NamespaceStatus<Name>>
  /** Waits until what is in its queue now has been delivered. */
  drain(options?: DrainOptions): Promise<NamespaceDrainReport<Name>>
}

/** How a namespace is doing. */
export interface NamespaceStatus<Name extends string = string> {
  /** The queue's kind. */
  readonly queue: string
  readonly writes: {
    /** Writes not yet answered by the queue. */
    readonly inFlight: number
    readonly inFlightBytes: number
    /** Writes waiting for room. */
    readonly waiting: number
  }
  /** What its queue still has of its past, and why; undefined where the queue cannot tell. */
  readonly kept: KeptRecords | undefined
  /** What delays cost on a queue that keeps them by sending records on; zeros on others. */
  readonly hops: DelayHops
  readonly targets: Readonly<Record<Name, NamespaceTargetStatus>>
  /** How far peers are behind; undefined where the namespace is not replicated. */
  readonly replication: ReplicationStatus | undefined
}

/**
 * How a target is doing, also where this process has not called `start`. What is to be done is then
 * undefined on a queue that other processes share: only one that delivers can tell.
 */
export interface NamespaceTargetStatus {
  /** Dead letters waiting; undefined where their queue cannot count them. */
  readonly dead: number | undefined
  /** Records in the queue not yet done with for this target, without the delayed ones. */
  readonly pending: number | undefined
  /** Records whose `dueAt` lies ahead. */
  readonly delayed: number | undefined
  /** Age of the oldest pending record, in ms; 0 without one, undefined where the queue cannot tell. */
  readonly lagMs: number | undefined
  /** How delivery is doing; undefined before `start`. */
  readonly delivery: TargetStatus | undefined
}

/** How long, and what for, a drain waits. */
export interface DrainOptions {
  /** Longest wait. Default: none. When it is over the report says what is still pending. */
  readonly timeout?: Duration | undefined
  readonly signal?: AbortSignal | undefined
  /** True: wait for delayed records too. Default false. */
  readonly includeDelayed?: boolean | undefined
}

/** Per target, what became of the records that were in the queue at the call. */
export type NamespaceDrainReport<Name extends string = string> = Readonly<Record<Name, DrainReport>>
