/** Every code a {@link WalError} can carry. Codes are API: they never change meaning. */
export type WalErrorCode =
  // Mistakes in configuration or in a call
  | 'ERR_CONFIG' // the configuration is wrong; `issues` lists each option's path and reason
  | 'ERR_UNKNOWN_NAMESPACE'
  | 'ERR_UNKNOWN_TARGET'
  | 'ERR_INVALID_RECORD' // a field of the write is wrong (key, op, headers, id, version, …)
  | 'ERR_INVALID_PAYLOAD' // the payload fails the namespace's schema
  | 'ERR_NOT_SERIALIZABLE' // the codec could not encode the payload (a cycle, a bigint, …)
  | 'ERR_PAYLOAD_TOO_LARGE'
  | 'ERR_INVALID_DELAY' // negative, not finite, or further away than the queue or namespace allows
  | 'ERR_INVALID_DURATION'
  | 'ERR_INVALID_SIZE'
  | 'ERR_INVALID_SELECTION' // what was given selects no dead letters, or is no option of a redrive
  | 'ERR_INVALID_REPLAY' // an option of a replay is none, or its range is no range
  | 'ERR_REPLAY_UNGUARDED' // the target might be set back: it does not guard by version
  | 'ERR_NOT_SUPPORTED' // this queue cannot do what was asked of it
  | 'ERR_ALREADY_STARTED'
  | 'ERR_NOT_STARTED'
  | 'ERR_TRANSACTION_NOT_OPEN' // a mutation was added to a transaction that has ended
  | 'ERR_TRANSACTION_TOO_LARGE'
  // What a write can come to
  | 'ERR_NOT_DURABLE' // the write did not become durable, or nobody knows; see `receipt`
  | 'ERR_WRITE_TIMEOUT'
  | 'ERR_ABORTED'
  | 'ERR_OVERLOADED'
  | 'ERR_VERSION_AHEAD' // a forwarded record's version is too far ahead of this clock
  | 'ERR_CLOCK_DRIFT' // this region's clock is too far from those of the others to write with
  | 'ERR_UNKNOWN_REGION' // a forwarded record comes from a region that is no peer of this one
  // What other calls can come to
  | 'ERR_CLOSED'
  | 'ERR_CLOSE_TIMEOUT' // a part of the wal could not be closed in time
  | 'ERR_DEAD_LETTER_NOT_FOUND'
  | 'ERR_DEAD_LETTERS_UNSEEN' // the queue may have dead letters that the look at it has not seen
  | 'ERR_REDRIVE_UNDER_WAY' // the letter's record is on its way back to its target
  | 'ERR_REPLAY_TOO_OLD' // the target may have forgotten deletes that came after these records
  | 'ERR_REPLAY_FAILED' // a replay ended before its end; see `report`
  // The embedded log
  | 'ERR_DIRECTORY_DENIED' // no permission
  | 'ERR_DIRECTORY_IN_USE' // another process owns it; the message names the holder
  | 'ERR_DIRECTORY_UNSUITABLE' // a network file system, a file where a directory should be, …
  | 'ERR_DISK_FULL'
  | 'ERR_IO'
  | 'ERR_FUTURE_FORMAT' // written by a newer version of this library
  | 'ERR_NOT_A_LOG' // the file is not one of ours
  | 'ERR_CORRUPT_LOG' // bytes known to have been synced are damaged
  | 'ERR_NOT_KEPT' // the log has let go of it, as its retention says
  | 'ERR_OWNERSHIP_LOST'
  | 'ERR_SALVAGE_UNFINISHED' // the directory holds a copy that was cut short
  // Attempts and events
  | 'ERR_PERMANENT'
  | 'ERR_TRANSIENT'
  | 'ERR_THROTTLED'
  | 'ERR_UNAVAILABLE'
  | 'ERR_APPLY_TIMEOUT'
  | 'ERR_INTERRUPTED' // the process died during an attempt
  | 'ERR_BAD_OUTCOMES' // a target answered with the wrong number or kind of outcomes
  | 'ERR_TOO_LATE' // a change from another region that is older than the target remembers deletes
  | 'ERR_UNDECODABLE' // the stored bytes cannot be decoded by the namespace's codec
  | 'ERR_TRANSACTION_INCOMPLETE' // the store does not have what the marker stands for
  | 'ERR_DLQ_WRITE'
  | 'ERR_LISTENER_FAILED' // a listener of the wal's events threw, or rejected

/** What else an error may carry. */
export interface WalErrorOptions {
  readonly retryable?: boolean
  readonly cause?: unknown
}

const brand = Symbol.for('daybook.WalError')

/**
 * Base of every error this library raises. Recognise one by `code` or with {@link isWalError}
 * rather than `instanceof`, which two copies of a package defeat.
 */
export class WalError extends Error {
  /** Stable; see docs/errors.md for a heading per code. */
  readonly code: WalErrorCode
  /** True where the same call may succeed later without a change by the caller. */
  readonly retryable: boolean

  constructor(code: WalErrorCode, message: string, options: WalErrorOptions = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause })
    this.name = new.target.name
    this.code = code
    this.retryable = options.retryable ?? false
    Object.defineProperty(this, brand, { value: true })
  }
}

/** True for an error of this library, also one of another copy of it. */
export function isWalError(error: unknown): error is WalError {
  return typeof error === 'object' && error !== null && brand in error
}
