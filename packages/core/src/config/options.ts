import type { Codec } from '../codec.ts'
import type { DeadLetterQueue } from '../dlq/dlq.ts'
import type { Queue } from '../queue/queue.ts'
import type { ApplyBatch, Target } from '../target/target.ts'
import type { TransactionStore } from '../transaction/transaction-store.ts'
import type { PayloadType } from './payload-type.ts'
import type { Duration, Size } from './quantity.ts'
import type { ReplicationOptions } from './replication-options.ts'

/** How failed attempts are retried. Full jitter: a wait is drawn between 0 and the backoff. */
export interface RetryOptions {
  /** Attempts in all, the first one included. 1 to 1,000; default 8. */
  readonly maxAttempts?: number | undefined
  /** Backoff after the first failed attempt; it doubles with each. Default `'200ms'`. */
  readonly minDelay?: Duration | undefined
  /** The longest backoff. Default `'5m'`. */
  readonly maxDelay?: Duration | undefined
}

/** How records are grouped for one `apply`. A target's own limits may be lower. */
export interface BatchOptions {
  /** 1 to 10,000; default 500. */
  readonly maxRecords?: number | undefined
  /** Default `'1mb'`. A single larger record is a batch of its own. */
  readonly maxBytes?: Size | undefined
  /**
   * How long a batch that is not full waits for more records. Default 0: not at all; for the peers of a replicated
   * namespace 5 ms, as what a request costs at both ends is many times what a record in it does.
   */
  readonly linger?: Duration | undefined
}

/** When delivery to a target pauses, and for how long. */
export interface BreakerOptions {
  /**
   * So many different records failing in a row, none succeeding between, open it: 2 to 100,000,
   * default 10. Fewer do once nothing else can be asked.
   */
  readonly failures?: number | undefined
  /** Wait before the first probe; it doubles with each probe that fails. Default `'1s'`. */
  readonly minOpen?: Duration | undefined
  /** The longest wait between probes. Default `'30s'`. */
  readonly maxOpen?: Duration | undefined
}

/** How fast records may go to a target. */
export interface RateLimitOptions {
  /** Records a second, per target. */
  readonly perSecond: number
  /** Records that may go at once after a pause. Default: a second's worth. */
  readonly burst?: number | undefined
}

/** Bounds on what a namespace may hold in memory or be asked to take. */
export interface LimitOptions {
  /**
   * Bytes written and not yet durable: payloads, keys, headers and 200 bytes a record. As many may wait for
   * room where writes wait. Default `'64mb'`.
   */
  readonly inFlightBytes?: Size | undefined
  /** Largest payload, encoded. Default `'64mb'`, or less where the queue takes less. */
  readonly payloadBytes?: Size | undefined
  /** Longest delay a write may ask for. Default `'366d'`. */
  readonly longestDelay?: Duration | undefined
  /** Records held in memory per target: waiting out a backoff, or behind such a record. Default 100,000. */
  readonly heldRecords?: number | undefined
  /** Bytes of the records held or being applied, per target. Default `'64mb'`. */
  readonly heldBytes?: Size | undefined
  /**
   * How long a target may put a key's records off by itself (outcome `held`: one of its hosts, indices or servers is
   * away) before they become dead letters, so that what never comes back does not fill the two limits above. Counted
   * in this process, at least 1 ms. Default: they are held for good.
   */
  readonly heldFor?: Duration | undefined
}

/**
 * How long records are kept, so that they can be replayed, whether or not targets are done with
 * them. They go in their order, once either is reached, but never before every target is done with
 * them: a target that lags makes a log grow past both.
 */
export interface RetentionOptions {
  /** From when they were written. Default `'7d'`. */
  readonly time?: Duration | 'unlimited' | undefined
  /** What all of them may take up. Default `'1gb'`. */
  readonly bytes?: Size | 'unlimited' | undefined
}

/** Transactions of a namespace: many mutations, all or nothing, in sequence. */
export interface TransactionsOptions {
  /** Where their mutations wait until they are applied. Default: where the queue keeps them. */
  readonly store?: TransactionStore | undefined
  /** How long one may stay open before what there is of it is discarded. Default `'1h'`. */
  readonly openFor?: Duration | undefined
  /**
   * How long the status of one that has ended can be asked for, at least. Default `'1h'`. So long, less ten minutes (at most half of it), one may be asked for again by its id. Longer where processes share a queue that
   * may hand its marker out longer, and tells how long: SQS, and Kafka but for topics that keep all.
   */
  readonly keep?: Duration | undefined
  /** Most mutations of one, 1 to 1,000,000. Default 10,000. */
  readonly maxMutations?: number | undefined
  /** Most bytes of one, payloads and fields together. Default `'256mb'`. */
  readonly maxBytes?: Size | undefined
}

/**
 * The targets of a namespace, by name. A function in place of a target is `defineTarget(function)`;
 * written in place, functions and targets know the payload's type from the `payload` option.
 */
export type Targets<P, Name extends string> = {
  readonly [N in Name]: Target<NoInfer<P>> | ApplyBatch<NoInfer<P>>
}

/**
 * One namespace: the unit of configuration and isolation. The personas (`fanOut` and others)
 * make these; every option has a default but `targets`.
 */
export interface NamespaceOptions<
  P = unknown,
  Name extends string = string,
  Input = P,
  Order extends 'key' | 'none' = 'key' | 'none',
> {
  /** Which persona made it, for messages. */
  readonly persona?: string | undefined
  /** The payloads' type, and their check before a record is durable. Default: anything. */
  readonly payload?: PayloadType<P, Input> | undefined
  /** Default: the embedded file log in `directory`. */
  readonly queue?: Queue | undefined
  readonly targets: Targets<P, Name>
  /** `'key'` (default): a key's records reach each target in order. `'none'`: in any order. */
  readonly order?: Order | undefined
  /** After a dead letter, its key goes on (default) or waits until the letter is dealt with. */
  readonly onDeadLetter?: 'continue' | 'block' | undefined
  readonly retry?: RetryOptions | undefined
  readonly batch?: BatchOptions | undefined
  /** Batches being applied at once, per target. 1 to 1,024; default 4. */
  readonly concurrency?: number | undefined
  /** Longest time one apply may take, at least 1 ms. Default `'30s'`. */
  readonly applyTimeout?: Duration | undefined
  /**
   * Longest wait for a write to become durable, at least 1 ms; then its outcome is `'unknown'`, or `'no'`
   * where nothing has been sent yet: its payload is still being checked, or it waits for room. Default `'30s'`.
   */
  readonly writeTimeout?: Duration | undefined
  readonly breaker?: BreakerOptions | undefined
  readonly rateLimit?: RateLimitOptions | undefined
  /** Delay of every record that does not ask for another. Default 0. */
  readonly delay?: Duration | undefined
  /**
   * A random part, between 0 and this, added to every delay, also where `delay` is 0. Not to a write that asks to be
   * applied at once: by `delay: 0`, or an `at` that has passed. Default 0.
   */
  readonly jitter?: Duration | undefined
  readonly limits?: LimitOptions | undefined
  /** How long records are kept after they were written. Default: 7 days, or 1 GiB of them. */
  readonly retention?: RetentionOptions | undefined
  /**
   * What a write does when a limit on bytes in flight is reached: wait (default), or fail at once. One that would
   * wait fails at once, too (`'no'`, `ERR_OVERLOADED`), where as many bytes as `limits.inFlightBytes`, or 10,000
   * writes, wait already.
   */
  readonly overload?: 'wait' | 'shed' | undefined
  /** Default JSON. */
  readonly codec?: Codec<P> | undefined
  /**
   * Where dead letters go. Default: where the queue keeps them. `'off'` is loss by name: a record
   * that cannot be applied is dropped with a `lost` event.
   */
  readonly deadLetters?: DeadLetterQueue | 'off' | undefined
  /**
   * Set, also to `{}`: the namespace has transactions. Needs `onDeadLetter: 'continue'`, dead letters, and
   * no delay of its own.
   */
  readonly transactions?: TransactionsOptions | undefined
  /** Set: the namespace is one region of several that write the same keys. */
  readonly replication?: ReplicationOptions | undefined
  /** The shard whose budgets it shares. Default `'default'`. */
  readonly shard?: string | undefined
}

/** A group of namespaces with budgets of its own, so that a noisy neighbour harms only itself. */
export interface ShardOptions {
  /**
   * Bytes written and not yet durable, and again bytes being applied, those on their way to each other region apart. Default
   * `'256mb'`.
   */
  readonly inFlightBytes?: Size | undefined
  /** Batches being applied at once, over all targets of a region. 1 to 4,096; default 64. */
  readonly concurrency?: number | undefined
}

/** The namespaces of a wal, by name. */
export type Namespaces = { readonly [name: string]: NamespaceOptions }

/** The payload of a namespace, as its targets see it. */
export type PayloadOf<O> = O extends NamespaceOptions<infer P, string, infer _> ? P : never
/** The payload of a namespace as written, before its schema has run. */
export type InputOf<O> = O extends NamespaceOptions<infer _, string, infer Input> ? Input : never
/** A namespace's order: `'key'` where it says nothing, both where it cannot be told from its type. */
export type OrderOf<O> = O extends { readonly order?: infer Order }
  ? unknown extends Order
    ? 'key'
    : [Exclude<Order, undefined>] extends [never]
      ? 'key'
      : Extract<Order, 'key' | 'none'>
  : 'key'
/** The names of a namespace's targets. */
export type TargetOf<O> = O extends { readonly targets: infer T } ? keyof T & string : never
