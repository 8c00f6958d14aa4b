import { EventEmitter } from 'eventemitter3'
import type { Attempt } from './consumer/consumer.ts'
import type { DeadLetter } from './dlq/dead-letter.ts'
import { reasonOf } from './error-text.ts'
import { WalError } from './errors.ts'
import type { StoredRecord } from './record.ts'
import type { TransactionFailure, TransactionState } from './transaction/transaction-store.ts'

/** Where something happened. */
export interface TargetPlace {
  readonly namespace: string
  readonly target: string
}

/** Records of one batch that came to the same end. Payloads are encoded: most listeners count. */
export interface RecordsEvent extends TargetPlace {
  readonly records: readonly StoredRecord[]
}

/** An attempt failed and another will follow. */
export interface RetryEvent extends TargetPlace {
  readonly record: StoredRecord
  readonly attempt: Attempt
  /** Attempts spent so far. */
  readonly spent: number
  /** Wait before the next attempt, in ms. */
  readonly delayMs: number
}

/** A record was applied after failed attempts. */
export interface RecoveredEvent extends TargetPlace {
  readonly record: StoredRecord
  /** Attempts it had spent before this one succeeded. */
  readonly spent: number
}

/** A target put a record off by itself. */
export interface HeldEvent extends TargetPlace {
  readonly record: StoredRecord
  readonly code: string
  readonly message: string
  /** When the target is asked again, in ms since the Unix epoch. */
  readonly until: number
}

/** Delivery to a target stopped for a while. */
export interface PausedEvent extends TargetPlace {
  readonly reason: 'unavailable' | 'throttled' | 'failures'
  readonly code: string
  readonly message: string
  /** When delivery is tried again, in ms since the Unix epoch. */
  readonly until: number
}

/** A record dropped under `deadLetters: 'off'`. */
export interface LostEvent extends TargetPlace {
  readonly record: StoredRecord
  readonly attempts: readonly Attempt[]
}

/** A target that lags makes a queue keep more than the namespace's `retention.bytes`. */
export interface RetentionHeldEvent extends TargetPlace {
  /** What the queue keeps, in bytes. */
  readonly bytes: number
}

/** A queue may remove what a target is not done with, for it does so by age. */
export interface RetentionAtRiskEvent extends TargetPlace {
  /** How long the oldest record that the target is not done with has been in the queue, in ms. */
  readonly waitedMs: number
  /** How long the queue keeps it, in ms. */
  readonly retentionMs: number
}

/** A transaction has come into another state. */
export interface TransactionEvent {
  readonly namespace: string
  readonly id: string
  readonly state: TransactionState
  /** The target that brought it there, where it was one. */
  readonly target: string | undefined
  /** The mutation that failed, where it is parked. */
  readonly failure: TransactionFailure | undefined
}

/** A record of another region is not taken for now. */
export interface PeerHeldEvent {
  readonly namespace: string
  /** The region it comes from. */
  readonly peer: string
  /** `ERR_VERSION_AHEAD`, or `ERR_UNKNOWN_REGION`. */
  readonly code: string
  readonly message: string
  readonly id: string
  readonly key: string | undefined
  readonly version: bigint
  /** How far the version is ahead of this machine's clock, in ms; 0 where that is not why. */
  readonly aheadMs: number
}

/** This region's clock is off. */
export interface ClockDriftEvent {
  readonly namespace: string
  /** This region. */
  readonly region: string
  readonly direction: 'ahead' | 'behind'
  /** The regions from which that is known. */
  readonly peers: readonly string[]
}

/** The event loop was held up. */
export interface EventLoopLagEvent {
  /** The longest the event loop was held up since the last such event, in ms. */
  readonly lagMs: number
}

/** A failure in the background, and where. */
export interface ErrorEvent {
  readonly error: WalError
  readonly namespace?: string | undefined
  readonly target?: string | undefined
}

/** Every event of a wal, and what its listeners are given. */
export interface WalEvents {
  /** The target has applied these records. */
  applied: (event: RecordsEvent) => void
  /** The target already held something newer. */
  superseded: (event: RecordsEvent) => void
  /** An attempt failed and another will follow. */
  retry: (event: RetryEvent) => void
  /** A record was applied after at least one failed attempt. */
  recovered: (event: RecoveredEvent) => void
  /**
   * A target takes a record not now, for a reason that passes. It waits with its key and spends no
   * attempt; others go on. Once for each record in this process, however often it is put off.
   */
  held: (event: HeldEvent) => void
  /** Durably parked; see `namespace.deadLetters`. */
  deadLettered: (letter: DeadLetter) => void
  /** Dropped, because the namespace says `deadLetters: 'off'`. */
  lost: (event: LostEvent) => void
  /** Delivery to a target stopped: it is down, throttles, or everything fails. */
  paused: (event: PausedEvent) => void
  /** Delivery to a target that had stopped goes on. */
  resumed: (event: TargetPlace) => void
  /** A write waited or was refused because a limit on bytes in flight was reached. */
  overloaded: (event: { readonly namespace: string; readonly waiting: boolean }) => void
  /**
   * A namespace's queue has grown past `retention.bytes`, because this target is not done with what
   * would have gone otherwise. Once, until it is smaller again.
   */
  retentionHeld: (event: RetentionHeldEvent) => void
  /**
   * A target is so far behind that half of the time is over for which the queue keeps what it has not
   * applied; after the whole of it records are lost. Once, until it has caught up. Of queues
   * that remove by age whether or not a target is done.
   */
  retentionAtRisk: (event: RetentionAtRiskEvent) => void
  /**
   * A transaction was opened (one that fits into a chunk never is), sealed, begun with, applied, parked, or
   * discarded. In this process: where several share a queue, each tells of what it does.
   */
  transaction: (event: TransactionEvent) => void
  /**
   * A record of another region is not taken for now: it is too far ahead of this clock, or its region is not
   * known. It waits where it comes from, or in the queue. Told once a minute for each region and code.
   */
  peerHeld: (event: PeerHeldEvent) => void
  /** Most regions find this one's clock off: writes are refused. Once, until it is over. */
  clockDrift: (event: ClockDriftEvent) => void
  /** The process is too busy: one event loop serves every namespace. */
  eventLoopLag: (event: EventLoopLagEvent) => void
  /** A failure in the background. Without a listener it becomes a process warning. */
  error: (event: ErrorEvent) => void
}

/** The name of an event. */
export type WalEventName = keyof WalEvents

type Listener<E extends WalEventName> = WalEvents[E]
type AnyListener = (...args: never) => void

/**
 * The emitter behind `wal.on`: typed, and one whose `error` events are never silent. It tells of
 * things in the midst of other work, so that a listener that fails stops neither that work nor the
 * listeners after it: what it throws, or rejects with, is an `error` event itself.
 */
export class WalEmitter {
  readonly #emitter = new EventEmitter<WalEvents>()
  /** What stands for each listener in the emitter, by its event. */
  readonly #guarded = new Map<WalEventName, WeakMap<object, AnyListener>>()

  on<E extends WalEventName>(event: E, listener: Listener<E>): void {
    this.#emitter.on(event, this.#guard(event, listener) as never)
  }

  once<E extends WalEventName>(event: E, listener: Listener<E>): void {
    this.#emitter.once(event, this.#guard(event, listener) as never)
  }

  off<E extends WalEventName>(event: E, listener: Listener<E>): void {
    this.#emitter.off(event, this.#guard(event, listener) as never)
  }

  listenerCount(event: WalEventName): number {
    return this.#emitter.listenerCount(event)
  }

  /** Tells everybody who listens. False if nobody does. Never throws. */
  emit<E extends WalEventName>(event: E, ...args: Parameters<Listener<E>>): boolean {
    return this.#emitter.emit(event, ...(args as never))
  }

  /** Reports a failure that no call is waiting for. */
  report(event: ErrorEvent): void {
    if (!this.emit('error', event)) warnOf(event.error)
  }

  #guard<E extends WalEventName>(event: E, listener: Listener<E>): AnyListener {
    const known = this.#guarded.get(event) ?? new WeakMap()
    this.#guarded.set(event, known)
    const guarded = known.get(listener) ?? this.#newGuard(event, listener)
    known.set(listener, guarded)
    return guarded
  }

  #newGuard(event: WalEventName, listener: (...args: never) => unknown): AnyListener {
    const failed = (cause: unknown): void => {
      const error = listenerError(event, cause)
      // One that cannot take errors is told of none of its own.
      if (event === 'error') warnOf(error)
      else this.report({ error })
    }
    return (...args: never) => {
      try {
        const result = listener(...args)
        if (isThenable(result)) result.then(undefined, failed)
      } catch (thrown) {
        failed(thrown)
      }
    }
  }
}

function isThenable(value: unknown): value is PromiseLike<unknown> {
  return typeof (value as PromiseLike<unknown> | undefined)?.then === 'function'
}

function warnOf({ message, name, code }: WalError): void {
  process.emitWarning(message, { type: name, code })
}

function listenerError(event: WalEventName, cause: unknown): WalError {
  const reason = reasonOf(cause)
  return new WalError(
    'ERR_LISTENER_FAILED',
    `A listener of the event '${event}' failed: ${reason}. Delivery and writes go on. Have the ` +
      'listener deal with its own failures.',
    { cause },
  )
}
