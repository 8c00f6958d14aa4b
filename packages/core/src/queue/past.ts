import type { StoredRecord } from '../record.ts'

/**
 * A place in what a queue has stored: an instant in ms since the Unix epoch, or the `position` of a
 * reader. A position means something to the queue that gave it only.
 */
export type PastPlace = { readonly at: number } | { readonly position: string }

/** A part of what a queue has stored. */
export interface PastRange {
  /** The first record stored at or after the instant, or behind the position. Undefined: the oldest kept. */
  readonly from: PastPlace | undefined
  /** Up to the last record stored before the instant, or up to the position. Undefined: the newest. */
  readonly to: PastPlace | undefined
}

/** A record that is read again, whoever was given it before. */
export interface PastRecord {
  /** As it was sent: also one that is not due yet, that is for some other target, or was redriven. */
  readonly record: StoredRecord
  /** When it was stored, as near as the queue can tell, in ms since the Unix epoch. */
  readonly storedAt: number
  /** What it counts for in `PastReadLimits.maxBytes`. */
  readonly bytes: number
}

/** How much one read may bring. */
export interface PastReadLimits {
  readonly maxRecords: number
  /** No further record once there are so many bytes; a single one may be larger. */
  readonly maxBytes: number
  readonly signal: AbortSignal
}

/**
 * Reads records again, outside of the progress of every target: nothing is leased, and nothing is
 * done with. What is in its range stays while it is open, whatever the retention says.
 */
export interface PastReader {
  /**
   * Where it is: behind all that it has handed out. A range that is opened from here goes on with
   * the next record, also after a restart.
   */
  readonly position: string
  /**
   * The next records, those of one key in the order in which they were stored; none at the end. That
   * is the end of the range, or of what was durable when it was opened. One call at a time. Rejects
   * with `ERR_ABORTED`, with `ERR_CLOSED`, or with the `WalError` of a queue that cannot be read; the
   * position is then as it was, and a later call tries again.
   */
  read(limits: PastReadLimits): Promise<readonly PastRecord[]>
  /** Lets go of what it kept. A second call does nothing more. */
  close(): Promise<void>
}
