import type { StoredDeadLetter } from '../dlq/dlq.ts'
import type { WalError } from '../errors.ts'
import type {
  HeldEvent,
  LostEvent,
  PausedEvent,
  RecoveredEvent,
  RetryEvent,
  TargetPlace,
} from '../events.ts'
import type { StoredRecord } from '../record.ts'

/** An event as the delivery to one target tells it: without saying which target. */
export type Unplaced<E extends TargetPlace> = Omit<E, keyof TargetPlace>

/**
 * What a delivery tells of its doings. Called in the midst of its work: what a listener throws is
 * thrown again outside of it.
 */
export interface DeliveryEvents {
  applied(records: readonly StoredRecord[]): void
  superseded(records: readonly StoredRecord[]): void
  retry(event: Unplaced<RetryEvent>): void
  recovered(event: Unplaced<RecoveredEvent>): void
  held(event: Unplaced<HeldEvent>): void
  deadLettered(letter: StoredDeadLetter): void
  lost(event: Unplaced<LostEvent>): void
  paused(event: Unplaced<PausedEvent>): void
  resumed(): void
  error(error: WalError): void
}

/** The same events, so wrapped that a listener that throws cannot break a delivery. */
export function guardEvents(events: DeliveryEvents): DeliveryEvents {
  const guard =
    <A extends unknown[]>(tell: (...args: A) => void) =>
    (...args: A): void => {
      try {
        tell(...args)
      } catch (error) {
        queueMicrotask(() => {
          throw error
        })
      }
    }
  return {
    applied: guard((records) => events.applied(records)),
    superseded: guard((records) => events.superseded(records)),
    retry: guard((event) => events.retry(event)),
    recovered: guard((event) => events.recovered(event)),
    held: guard((event) => events.held(event)),
    deadLettered: guard((letter) => events.deadLettered(letter)),
    lost: guard((event) => events.lost(event)),
    paused: guard((event) => events.paused(event)),
    resumed: guard(() => events.resumed()),
    error: guard((error) => events.error(error)),
  }
}
