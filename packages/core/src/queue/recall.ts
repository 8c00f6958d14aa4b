import type { StoredRecord } from '../record.ts'

/**
 * How a recall finds a record at one target.
 *
 * - `'held'`: it waits for its time there, and is not handed out until the recall is over.
 * - `'tooLate'`: its time has come: it was handed out, or is about to be.
 * - `'unknown'`: no delayed record with this id waits there. It is done with, or there was none.
 */
export type RecallFinding = 'held' | 'tooLate' | 'unknown'

/** A delayed record that is held back. */
export interface HeldRecord {
  readonly record: StoredRecord
  /** For these targets. Others are done with it, or were never to have it. */
  readonly targets: readonly string[]
}

/**
 * The delayed records with one id, held back so that somebody can decide on them. One of `takeBack`
 * and `letGo` must be called, once, and soon: a record that falls due meanwhile waits for it.
 *
 * There may be more than one of an id: a write that was repeated after `'unknown'`, or a new time
 * that was written when the process died.
 */
export interface Recall {
  /** One finding for each target of the namespace. */
  readonly findings: ReadonlyMap<string, RecallFinding>
  readonly held: readonly HeldRecord[]
  /**
   * The records are done with for these targets, as if acked. Resolves once a crash cannot bring
   * them back. Rejects if that is not certain; then they may come again after a crash only.
   */
  takeBack(): Promise<void>
  /** They are handed out when they are due. */
  letGo(): void
}
