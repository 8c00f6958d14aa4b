import type { Clock } from './clock.ts'
import type { Codec } from './codec.ts'
import type { ResolvedNamespace } from './config/resolve.ts'
import type { HopCounter } from './delay-hops.ts'
import type { DeadLetterQueue } from './dlq/dlq.ts'
import { refused, shown } from './producer/check-fields.ts'
import { RecordPreparer } from './producer/prepare-record.ts'
import type { Producer } from './producer/producer.ts'
import type { WriteInput } from './producer/write-input.ts'
import type { Queue } from './queue/queue.ts'
import type { Random } from './random.ts'
import type { RecordIds } from './record-id.ts'
import type { TransactionStore } from './transaction/transaction-store.ts'
import type { VersionClock } from './version.ts'

/** What is opened before the namespace is there. */
export interface OpenParts {
  readonly producer: Producer
  /** Undefined where dead letters are off. */
  readonly letters: DeadLetterQueue | undefined
  /** Undefined where it has no transactions. */
  readonly store: TransactionStore | undefined
  readonly hops: HopCounter
}

/** What a namespace's records are prepared by. */
export interface PreparerParts {
  readonly config: ResolvedNamespace
  readonly queue: Queue
  readonly region: { readonly name: string }
  readonly clock: Clock
  readonly random: Random
}

/** A time-out or signal of one record would be passed over in silence: they are for all. */
export function checkMany(namespace: string, inputs: readonly WriteInput<unknown>[]): void {
  if (!Array.isArray(inputs)) {
    throw refused(namespace, `writeMany takes an array of writes, not ${shown(inputs)}`)
  }
  const index = inputs.findIndex((one) => one?.timeout !== undefined || one?.signal !== undefined)
  if (index === -1) return
  throw refused(
    namespace,
    `item ${index} of writeMany has a timeout or signal of its own; give them as the options of writeMany, for all of its records`,
  )
}

export function preparerOf(
  options: PreparerParts,
  codec: Codec,
  versions: VersionClock,
  ids: RecordIds,
): RecordPreparer {
  const { config, queue, region, clock, random } = options
  return new RecordPreparer({
    namespace: config.name,
    order: config.order,
    payload: config.payload,
    codec,
    targets: new Map(Object.entries(config.targets)),
    delayMs: config.delay,
    jitterMs: config.jitter,
    longestDelayMs: Math.min(config.limits.longestDelay, queue.supports.longestDelayMs),
    largestPayloadBytes: Math.min(config.limits.payloadBytes, queue.supports.largestRecordBytes),
    origin: region.name,
    clock,
    random,
    ids,
    versions,
  })
}
