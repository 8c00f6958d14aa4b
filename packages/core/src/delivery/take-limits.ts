import type { Target } from '../target/target.ts'
import type { DeliveryPolicy } from './policy.ts'

/** How many records may be taken, and in what company. */
export interface TakeLimits {
  readonly maxRecords: number
  readonly maxBytes: number
  /** True: several records of one key may go together. */
  readonly appliesInOrder: boolean
  /** True: records of several keys that are to be applied in sequence may. */
  readonly appliesInSequence: boolean
}

/** What the target takes at once, and what the namespace wants it to be given. */
export function takeLimitsOf(target: Target<unknown>, { batch }: DeliveryPolicy): TakeLimits {
  const { largestBatch, appliesInOrder } = target
  return {
    maxRecords: Math.max(1, Math.min(batch.maxRecords, largestBatch?.maxRecords ?? Infinity)),
    maxBytes: Math.min(batch.maxBytes, largestBatch?.maxBytes ?? Infinity),
    appliesInOrder: appliesInOrder === true || appliesInOrder === 'key',
    appliesInSequence: appliesInOrder === true,
  }
}
