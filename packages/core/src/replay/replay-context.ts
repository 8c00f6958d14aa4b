import type { Clock } from '../clock.ts'
import type { SendOutcome } from '../producer/producer.ts'
import type { Queue } from '../queue/queue.ts'
import type { StoredRecord, WalRecord } from '../record.ts'
import type { Target } from '../target/target.ts'
import type { VersionClock } from '../version.ts'

/** Lets records go in an even flow. */
export interface ReplayPace {
  /** How many of the wanted records may go now; 0 if it is better to wait for `waitMs`. */
  allowed(wanted: number): number
  /** Time until some of the wanted records may go, in ms. */
  waitMs(wanted: number): number
  /** So many records go. */
  spend(records: number): void
}

/** What replays need of its namespace. */
export interface ReplaysContext {
  readonly namespace: string
  readonly queue: Queue
  readonly targets: Readonly<Record<string, Pick<Target, 'idempotency' | 'remembersDeletesMs'>>>
  readonly clock: Clock
  /** Decodes a record for `omit`; throws where that cannot be done. */
  decode(record: StoredRecord): WalRecord
  /** False for the marker of a transaction that has no mutations for this target. */
  concerns(record: StoredRecord, target: string): boolean
  /** One outcome per record, in order. */
  send(records: readonly StoredRecord[]): Promise<readonly SendOutcome[]>
  pace(perSecond: number): ReplayPace
  /** True where other regions write the same keys. */
  readonly isReplicated?: boolean | undefined
  /** What gives the namespace's records their versions. */
  readonly versions: VersionClock
}
