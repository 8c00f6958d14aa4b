import type { Attempt } from '../consumer/consumer.ts'
import type { StoredRecord, WalRecord } from '../record.ts'

/** A dead letter as its reader sees it. */
export interface DeadLetter<P = unknown> {
  readonly id: string
  readonly namespace: string
  /** The target it could not be applied to. */
  readonly target: string
  /** When it was dead-lettered, in ms since the Unix epoch. */
  readonly at: number
  /** The last attempt's code and message. */
  readonly code: string
  readonly message: string
  /** Attempts that counted against `maxAttempts`. */
  readonly attemptsSpent: number
  /** The failed attempts still known, oldest first; the last one is why it is here. */
  readonly attempts: readonly Attempt[]
  /** True where its bytes were damaged on disk: it can only be discarded. */
  readonly damaged?: boolean | undefined
  /** The record, or undefined where its bytes are damaged or cannot be decoded. */
  readonly record: WalRecord<P> | undefined
  /** The record as stored, payload encoded. */
  readonly stored: StoredRecord
}
