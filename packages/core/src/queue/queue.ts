import type { Clock } from '../clock.ts'
import type { Consumer } from '../consumer/consumer.ts'
import type { DeadLetterQueue } from '../dlq/dlq.ts'
import type { WalError } from '../errors.ts'
import type { Producer } from '../producer/producer.ts'
import type { Random } from '../random.ts'
import type { TransactionStore } from '../transaction/transaction-store.ts'
import type { PastRange, PastReader } from './past.ts'
import type { Recall } from './recall.ts'

/** What a queue can do by itself. Data, so that core can check it when it opens a namespace. */
export interface QueueSupports {
  /** `'key'`: records of one key are handed out in order. `'none'`: in any order. */
  readonly order: 'key' | 'none'
  /**
   * Longest delay its consumers keep, in ms, hops of the adapter's own included; 0 for none, Infinity
   * for any. It is never sent a record that is due further ahead.
   */
  readonly longestDelayMs: number
  /** Largest record, payload and fields together, in bytes. */
  readonly largestRecordBytes: number
  /** Most records its producer takes in one `send`. */
  readonly largestBatchRecords: number
  /** Most bytes its producer takes in one `send`. */
  readonly largestBatchBytes: number
  /** True if a past range can be read again: it has a `pastReader` then. */
  readonly replay: boolean
  /** True if each target can have a consumer with progress of its own. */
  readonly independentReaders: boolean
  /** True if it brings a dead-letter queue that can be listed. */
  readonly deadLetterListing: boolean
  /** What an acknowledged record survives. */
  readonly durability: 'process' | 'machine' | 'replicated' | 'none'
  /** True if other processes read and write the same queue. */
  readonly shared: boolean
  /**
   * What of an `AttemptState` survives a restart of the consumer. `'all'`: everything. `'numbers'`:
   * all but `history`, for as many records as there is room. `'none'`: nothing; the queue's own
   * count of hand-outs is in `Delivery.handOuts`.
   */
  readonly attempts: 'all' | 'numbers' | 'none'
  /**
   * True if a delivery released with a delay holds back the later records of its key by itself.
   * Elsewhere core keeps such a record in its lane, and releases with a delay only without order.
   */
  readonly releaseHoldsKey: boolean
  /**
   * True if the later records of a key may be withheld while earlier ones of it are leased; they come
   * once those are acked or released. Default false: then any number of a key's records is leased.
   */
  readonly withholdsLeasedKey?: boolean | undefined
}

/** How long a namespace wants its records kept, whether or not its targets are done with them. */
export interface RecordRetention {
  /** From when they were written, in ms; Infinity: for ever. */
  readonly timeMs: number
  /** The oldest may go sooner where all of them take up more bytes; Infinity: any amount. */
  readonly bytes: number
}

/** What a queue still has of its past, and why it has not let go of more. */
export interface KeptRecords {
  /** Sequence of the first record that is kept; one more than `last` where none is. */
  readonly first: number
  /** Sequence of the last record. */
  readonly last: number
  /** Files they lie in. */
  readonly segments: number
  /** What those files take up, in bytes. */
  readonly bytes: number
  /** What files take up beside these that hold nothing and are kept to be used again, in bytes. */
  readonly spareBytes: number
  /** No record that is kept was written before this, in ms since the Unix epoch; undefined without any. */
  readonly since: number | undefined
  /**
   * What the oldest of them are kept for. `'retention'`: they are not old enough to go, nor the log
   * too large. `'target'`: a target is not done with them. `'reader'`: somebody reads them again.
   */
  readonly keptBy: 'retention' | 'target' | 'reader'
  /** Under `'target'`: the one that is furthest behind, and how many sequences. */
  readonly target: { readonly name: string; readonly behind: number } | undefined
}

/** A target for whose sake a queue keeps more than its retention asks for. */
export interface RetentionHold {
  readonly target: string
  /** What is kept, in bytes. */
  readonly bytes: number
}

/** How near a queue is to removing what a target is not done with. */
export interface RetentionRisk {
  readonly target: string
  /** How long the oldest record that the target is not done with has been in the queue, in ms. */
  readonly waitedMs: number
  /** How long the queue keeps it, in ms. */
  readonly retentionMs: number
}

/** What core hands a queue when it opens it. */
export interface QueueContext {
  readonly namespace: string
  /** The namespace's target names: one consumer each. */
  readonly targets: readonly string[]
  /** The `directory` of `createWal`, or undefined. */
  readonly directory: string | undefined
  readonly clock: Clock
  readonly random: Random
  /** True where a dead letter holds its key, and the records behind it may wait for long. Default false. */
  readonly blocksKeys?: boolean | undefined
  /**
   * How long records are kept. A queue never lets go of a record that a target is not done with.
   * Undefined: for ever.
   */
  readonly retention?: RecordRetention | undefined
  /**
   * Tells core that more is kept than the retention's bytes, because a target needs it. Once, until
   * it is less again.
   */
  retentionHeld?(hold: RetentionHold): void
  /**
   * For a queue that cannot but remove records by their age: tells core that a target has left one
   * undone for half of the time that it is kept. Once, until the target has caught up.
   */
  retentionAtRisk?(risk: RetentionRisk): void
  /**
   * For a queue that keeps delays by sending records on: tells core that it has sent on so many, to wait
   * further or because they were due.
   */
  delayHopped?(records: number): void
  /**
   * Tells core that a consumer has met a record for this target alone, and passed it over. As often as it
   * happens: core tells of those whose target the namespace does not have.
   */
  passedOver?(target: string): void
  /** Tells core of a failure in the background that no call is waiting for. */
  reportError(error: WalError): void
}

/**
 * The durable middle: opens producers and consumers. One queue serves one namespace.
 *
 * Lifecycle: `open` once, then any of the others, then `close` once everything it handed out has
 * been closed.
 */
export interface Queue {
  /** What it is, for messages: `'file'`, `'memory'`, `'kafka'`, … */
  readonly kind: string
  readonly supports: QueueSupports
  /** Acquires what it needs and recovers after a crash. Rejects with a `WalError` that says why not. */
  open(context: QueueContext): Promise<void>
  /** The way in. May be asked for more than once. */
  producer(): Promise<Producer>
  /** The consumer of one target. At most one per target is open at a time. */
  consumer(target: string): Promise<Consumer>
  /** The dead-letter queue that lives where this queue lives, or undefined if it brings none. */
  deadLetters(): Promise<DeadLetterQueue | undefined>
  /**
   * The store of transactions that lives where this queue lives. Optional: a namespace that has
   * transactions then brings one of its own.
   */
  transactions?(): Promise<TransactionStore>
  /**
   * The highest version the queue has stored, or undefined if it cannot tell or holds nothing.
   * The namespace's clock starts above it.
   */
  highestVersion?(): bigint | undefined
  /**
   * Shows the key and version of each record it holds whose version is above this one, records without a key left out.
   * Resolves with the highest version of all that it has not shown: this one, or a higher one where it holds such
   * records no more, or cannot tell their keys. Asked once, before anything is written, where `highestVersion` is ahead of the
   * clock of a region among several: other keys then need not wait. Rejects with a `WalError` if the queue cannot be read.
   */
  versionsAbove?(version: bigint, show: (key: string, version: bigint) => void): Promise<bigint>
  /**
   * Once it is open: what its records lie in, such as a topic with its cluster, or the ARN of a queue. Each
   * name is the same in every queue over that storage, and in no other. Two namespaces of a wal whose queues
   * have one in common are refused, for each would take the other's records. Optional.
   */
  storage?(): readonly string[]
  /**
   * Once it is open: how long after it was sent a record may be handed out at the latest, also once more after its ack, in ms.
   * Infinity where none is ever removed by its age. So long at least a namespace remembers transactions that have ended, and after it
   * one that has not is sent again. Optional: without it the queue cannot tell.
   */
  handsOutForMs?(): number
  /**
   * Once it is open: for how long, in ms, it keeps a record that a target is not done with. Optional: a queue without it keeps
   * such records until they are done with. A replicated namespace whose `longestLag` is more is refused.
   */
  keepsForMs?(): number
  /** What is kept; undefined while it is closed. A queue without this cannot tell. */
  kept?(): KeptRecords | undefined
  /**
   * Holds back the delayed records with this id that were not handed out, also those that no
   * consumer has come to yet, and also while no consumer is open. Redriven ones are left alone. One
   * recall of an id at a time. Optional: without it records can neither be cancelled nor be given
   * another time. Rejects with a `WalError` if the queue cannot be read.
   */
  recall?(id: string): Promise<Recall>
  /**
   * Opens a reader of records stored before, from the oldest that are kept to those that are durable
   * now. Any number may be open. Optional: a queue without it declares `replay: false`. Rejects with
   * `ERR_NOT_KEPT` where the range begins before what is kept, with `ERR_INVALID_REPLAY` for a
   * position that is none of this queue's.
   */
  pastReader?(range: PastRange): Promise<PastReader>
  /** Gives up its resources. What it answered `'yes'` to stays. A second call does nothing more. */
  close(): Promise<void>
}
