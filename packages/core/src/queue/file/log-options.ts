import type { Clock } from '../../clock.ts'
import type { WalError } from '../../errors.ts'
import type { Random } from '../../random.ts'
import type { RecordRetention, RetentionHold } from '../queue.ts'
import type { FileSystem } from './file-system.ts'
import type { TargetProgress } from './retention.ts'

export interface LogOptions {
  /** Where the segments are. It must exist, and nobody else may write there. */
  readonly directory: string
  readonly fileSystem: FileSystem
  readonly random: Random
  readonly clock: Clock
  /** Of the owner; higher than that of any owner before. Kept in each segment's header. */
  readonly epoch: number
  /** The namespace that records need not repeat. Without it, each carries its own. */
  readonly namespace?: string | undefined
  /** The next segment is begun once one has so many bytes; at most 1 GiB. Default: 64 MiB. */
  readonly segmentBytes?: number | undefined
  /** Records share a write up to about so many bytes. Default: 8 MiB. */
  readonly maxGroupBytes?: number | undefined
  /** Zeros written ahead of small groups, in bytes, which makes their sync faster. Default: 1 MiB. */
  readonly zeroAheadBytes?: number | undefined
  /** What the newest records may take of memory, for followers that are near; 0 for none. Default: 8 MiB. */
  readonly recentBytes?: number | undefined
  /** What may be removed of it, and who is told. Default: nothing is. */
  readonly retention?: LogRetention | undefined
  /** Highest sequence some cursor has seen applied: proof that it was synced. 0 if none. */
  readonly knownSynced: number
  /**
   * Why somebody else may have opened the directory; undefined as long as nobody can have. Asked
   * before and after each group, so it must be quick, and give the same answer for good.
   */
  ownershipLoss?(): WalError | undefined
  /** Told of failures that made the log give up a segment, beside the answers to its callers. */
  reportError(error: WalError): void
}

/** How long a log is kept. */
export interface LogRetention extends RecordRetention {
  /** Nothing is removed that one of these is not done with. */
  readonly targets: readonly TargetProgress[]
  /** Told when the log has grown past its bytes because of a target, once until it is smaller. */
  onHeld(hold: RetentionHold): void
}
