import type { Clock } from '../clock.ts'
import type { Consumer } from '../consumer/consumer.ts'
import type { DeadLetterQueue } from '../dlq/dlq.ts'
import type { Random } from '../random.ts'
import type { StoredRecord, WalRecord } from '../record.ts'
import type { Target } from '../target/target.ts'
import type { TransactionSource } from '../transaction/transaction-source.ts'
import type { DeliveryBudget } from './budget.ts'
import type { DeliveryEvents } from './delivery-events.ts'
import type { Isolation } from './isolation.ts'
import type { DeliveryPolicy } from './policy.ts'

/** What the delivery to one target works with. */
export interface TargetDeliveryOptions {
  readonly namespace: string
  readonly targetName: string
  /** See `ApplyContext.place`. */
  readonly place?: string | undefined
  readonly target: Target<unknown>
  /** Used by this delivery alone; whoever opened it closes it, after `stop`. */
  readonly consumer: Consumer
  /** Undefined for `deadLetters: 'off'`: what cannot be applied is dropped with a `lost` event. */
  readonly deadLetters: DeadLetterQueue | undefined
  /** True where other processes read the queue too, and put and discard letters that hold keys here. */
  readonly sharesLetters?: boolean | undefined
  /** Decodes the payload. What it throws makes the record a dead letter (ERR_UNDECODABLE). */
  decode(record: StoredRecord): WalRecord
  /** False for a record that is not for this target: it is passed over. Default: all are. */
  readonly concerns?: ((record: StoredRecord) => boolean) | undefined
  /** A record for this target alone was passed over. */
  readonly passedOver?: ((target: string, isPart?: boolean) => void) | undefined
  /** Undefined where the namespace has no transactions: a marker becomes a dead letter then. */
  readonly transactions?: TransactionSource | undefined
  readonly policy: DeliveryPolicy
  /** Shared by the targets of a shard. */
  readonly budget: DeliveryBudget
  /** Shared by all the deliveries of the process. */
  readonly isolation: Isolation
  readonly clock: Clock
  readonly random: Random
  readonly events: DeliveryEvents
}

/** How long a stop lets a delivery finish. */
export interface StopOptions {
  /** Time for what is being applied to finish, in ms; then it is aborted. */
  readonly deadlineMs: number
}
