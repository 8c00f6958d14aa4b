import type { WalRecord } from '../record.ts'

/**
 * Where a replay begins or ends: an instant (a Date, ms since the Unix epoch, or an ISO 8601 text),
 * or the position that a report names.
 */
export type ReplayPlace = Date | number | string | { readonly position: string }

/** What is replayed, and how. `P` is the namespace's payload, `Name` its targets' names. */
export interface ReplayOptions<P = unknown, Name extends string = string> {
  /** The only target that is given the records. */
  readonly target: Name
  /**
   * The first record that was stored at or after the instant, or behind the position. A record is
   * placed by when it was written, also one with a delay: for a store restored from a backup, go
   * back from the backup's time by the longest delay. Default: the oldest record that is kept.
   */
  readonly from?: ReplayPlace | undefined
  /** Up to the last record stored before the instant, or up to the position. Default: the newest at the call. */
  readonly to?: ReplayPlace | undefined
  /** True for a record to leave out, each time it is asked. Not async. If it throws, the replay ends there, and rejects. */
  readonly omit?: ((record: WalRecord<P>) => boolean) | undefined
  /**
   * True: also records that were written with a delay and are due by now. The log does not tell
   * which of these were cancelled or given another time: name them in `omit`. Default: true where the
   * queue cannot cancel, else false.
   */
  readonly delayed?: boolean | undefined
  /**
   * True: also to a target that does not guard by version, and of records older than its memory of
   * deletes. A record of the range may then undo a newer one of its key, or bring back what was
   * deleted. Default false: refused with `ERR_REPLAY_UNGUARDED`, or `ERR_REPLAY_TOO_OLD`.
   */
  readonly force?: boolean | undefined
  /**
   * True: give the records new versions, above all that were given out before, below those of what
   * is written from now on. For a store that was *not* restored: it takes them in place of what it
   * has. Every later record of a key of the range is replayed behind it, up to its last. Cut short, such
   * a replay leaves old states in the store until it is run again, from its beginning. What still waits
   * for its time, or as a dead letter, keeps its version and loses. Refused
   * with `ERR_NOT_SUPPORTED` on a queue that other processes write into too. Default false.
   */
  readonly restamp?: boolean | undefined
  /** True: read and count, and send nothing. */
  readonly dryRun?: boolean | undefined
  /** At most so many records a second. Default: as fast as the queue takes them. */
  readonly rate?: { readonly perSecond: number } | undefined
  /** Ends the replay after the records at hand; its report then says where it was. */
  readonly signal?: AbortSignal | undefined
  /** Told after each few hundred records. */
  readonly onProgress?: ((report: ReplayReport) => void) | undefined
}

/** How far a replay has come. */
export interface ReplayReport {
  /** True once everything in the range has been looked at and sent. */
  readonly complete: boolean
  /** Records that were looked at, in the range and, under `restamp`, behind it: `sent`, `omitted` and `passedOver` together. */
  readonly read: number
  /** Those that are durable in the queue again, for the target; in a dry run, those that would be. */
  readonly sent: number
  /** Those that `omit` left out. */
  readonly omitted: number
  /** Those that are not replayed, by why. */
  readonly passedOver: {
    /** Meant for another target. */
    readonly otherTarget: number
    /** Sent by a redrive or a replay: what they repeat is in the log as it was written. */
    readonly repeats: number
    /** Written with a delay; see `ReplayOptions.delayed`. */
    readonly delayed: number
  }
  /**
   * Behind the last record that is dealt with: as `from`, a replay goes on with the next one. Under
   * `restamp`, until it is complete, where it began.
   */
  readonly position: string
}
