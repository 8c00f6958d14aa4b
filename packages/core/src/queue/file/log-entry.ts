import type { StoredRecord } from '../../record.ts'

/** A record in a log, and where it is. */
export interface LogEntry {
  /** Its number in the log, counted from 1 without gaps. */
  readonly sequence: number
  /** Where it is stored. For `Log.readAt`, also after a restart; grows with the sequence. */
  readonly address: number
  /** Bytes it takes up in the log. */
  readonly bytes: number
  /** Its payload is its own: no reader uses these bytes again. */
  readonly record: StoredRecord
}

/**
 * True for one that waits until it is due. One that was due when it was written has no delay at all;
 * but none goes early, whatever the writer's clock said.
 */
export function isDelayed({ record: { dueAt, writtenAt } }: LogEntry, now: number): boolean {
  return dueAt !== undefined && (dueAt > writtenAt || dueAt > now)
}

/** True for one that is for another target than this one alone. */
export function isForOther(
  entry: LogEntry,
  target: string,
): entry is LogEntry & { readonly record: { readonly target: string } } {
  return entry.record.target !== undefined && entry.record.target !== target
}

export interface ReadLimits {
  /** At most so many entries. */
  readonly maxRecords: number
  /** No further entry once there are so many bytes; a single one may be larger. */
  readonly maxBytes: number
}

/** Where a record is that was read from the log. A `LogEntry` is one. */
export type LogPlace = Pick<LogEntry, 'sequence' | 'address'>

/** Reads a log in order. */
export interface LogReader {
  /**
   * The next entries; none at the durable end. One call at a time. Rejects with `ERR_CORRUPT_LOG`
   * where the next record is damaged, with the disk's error, or with `ERR_CLOSED`; the position is
   * then as it was, and a later call tries again.
   */
  read(limits: ReadLimits): Promise<readonly LogEntry[]>
  /** The sequence the next read begins with. */
  readonly position: number
  close(): Promise<void>
}
