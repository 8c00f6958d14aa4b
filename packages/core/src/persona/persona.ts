import type { Idempotency } from '../target/target.ts'

/** The personas of one architecture. */
export type Persona =
  | 'fanOut'
  | 'delayedQueue'
  | 'multiPartitionMutation'
  | 'crossRegionReplication'

/** What a persona's targets should have, for redelivery to be harmless. */
export const idempotencyNeeded: Readonly<Record<Persona, readonly Idempotency[]>> = {
  fanOut: ['version', 'id'],
  delayedQueue: ['version', 'id', 'none'],
  multiPartitionMutation: ['version', 'id'],
  crossRegionReplication: ['version', 'id'],
}
