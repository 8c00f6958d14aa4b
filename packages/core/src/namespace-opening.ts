import { AheadVersions } from './ahead-versions.ts'
import type { Clock } from './clock.ts'
import type { Codec } from './codec.ts'
import type { ResolvedNamespace } from './config/resolve.ts'
import type { HopCounter } from './delay-hops.ts'
import type { DeadLetterQueue } from './dlq/dlq.ts'
import { shown } from './error-text.ts'
import type { WalError } from './errors.ts'
import type { WalEmitter } from './events.ts'
import { refused } from './producer/check-fields.ts'
import { RecordPreparer, type RegionRules } from './producer/prepare-record.ts'
import type { Producer } from './producer/producer.ts'
import { QueueProducer } from './producer/queue-producer.ts'
import type { WriteBudget } from './producer/write-budget.ts'
import type { WriteInput } from './producer/write-input.ts'
import type { Queue } from './queue/queue.ts'
import type { Random } from './random.ts'
import type { RecordIds } from './record-id.ts'
import { Replication } from './region/replication.ts'
import type { Shard } from './shard.ts'
import { StrayRecords } from './stray-records.ts'
import { trailOf } from './target/forwarding/trail.ts'
import type { TransactionStore } from './transaction/transaction-store.ts'
import { VersionClock } from './version.ts'

/** What is opened before the namespace is there. */
export interface OpenParts {
  readonly producer: Producer
  /** Undefined where dead letters are off. */
  readonly letters: DeadLetterQueue | undefined
  /** Undefined where it has no transactions. */
  readonly store: TransactionStore | undefined
  readonly hops: HopCounter
  readonly strays: StrayRecords
  readonly versions: VersionClock
}

/** What a namespace's queue is opened with. */
export interface QueueParts {
  readonly config: ResolvedNamespace
  readonly queue: Queue
  readonly directory: string | undefined
  readonly clock: Clock
  readonly random: Random
  readonly emitter: WalEmitter
}

/** What a namespace's records are sent by. */
export interface ProducerParts {
  readonly config: ResolvedNamespace
  readonly queue: Queue
  readonly shard: Shard
  readonly clock: Clock
  readonly emitter: WalEmitter
}

/** What a namespace's records are prepared by. */
export interface PreparerParts {
  readonly config: ResolvedNamespace
  readonly queue: Queue
  readonly region: { readonly name: string }
  readonly clock: Clock
  readonly random: Random
}

/** Tells of records whose target is configured no more. */
export function straysOf({ config, emitter }: QueueParts): StrayRecords {
  const { name: namespace, targets } = config
  const report = (error: WalError): void => emitter.report({ error, namespace })
  return new StrayRecords({ namespace, targets: Object.keys(targets), report })
}

/** Opens the queue, and passes on what it reports. */
export function openQueue(
  options: QueueParts,
  hops: HopCounter,
  strays: StrayRecords,
): Promise<void> {
  const { config, queue, directory, clock, random, emitter } = options
  const namespace = config.name
  return queue.open({
    namespace,
    targets: Object.keys(config.targets),
    directory,
    clock,
    random,
    blocksKeys: config.onDeadLetter === 'block',
    retention: { timeMs: config.retention.time, bytes: config.retention.bytes },
    retentionHeld: (hold) => emitter.emit('retentionHeld', { namespace, ...hold }),
    retentionAtRisk: (risk) => emitter.emit('retentionAtRisk', { namespace, ...risk }),
    delayHopped: (records) => hops.count(records),
    passedOver: (target) => strays.passedOver(target),
    reportError: (error) => emitter.report({ error, namespace }),
  })
}

/** Stands between the namespace's writes and its queue. */
export function producerOf(
  { config, queue, shard, clock, emitter }: ProducerParts,
  producer: Producer,
  writes: WriteBudget,
): QueueProducer {
  return new QueueProducer({
    namespace: config.name,
    producer,
    clock,
    budgets: [writes, shard.writes],
    overload: config.overload,
    timeoutMs: config.writeTimeout,
    largestBatchRecords: queue.supports.largestBatchRecords,
    largestBatchBytes: queue.supports.largestBatchBytes,
    onOverload: (waiting) => emitter.emit('overloaded', { namespace: config.name, waiting }),
  })
}

/** A namespace as one region of several; undefined where it is not. */
export function replicationOf(
  { config, queue, clock, emitter }: Omit<ProducerParts, 'shard'>,
  versions: VersionClock,
): Replication | undefined {
  if (config.replication === undefined) return undefined
  return new Replication({
    namespace: config.name,
    settings: config.replication,
    targets: config.targets,
    isShared: queue.supports.shared,
    keepsForMs: queue.keepsForMs?.(),
    wasForwarded: ({ headers }) => trailOf(headers).length > 0,
    applyTimeoutMs: config.applyTimeout,
    onDeadLetter: config.onDeadLetter,
    clock,
    versions,
    emitter,
  })
}

/**
 * The clock that gives out the namespace's versions: above all that the queue holds. Where these are ahead of a region's
 * clock, as that was ahead when they were given out, those keys alone begin above them, as far as the queue can tell.
 */
export async function versionClockOf(
  { config, queue, clock }: Pick<QueueParts, 'config' | 'queue' | 'clock'>,
  region: number,
): Promise<VersionClock> {
  const highest = queue.highestVersion?.() ?? 0n
  const now = clock.now()
  const maxDriftMs = config.replication?.maxDriftMs ?? Number.POSITIVE_INFINITY
  const isNear = Number(highest) / 1000 - now <= maxDriftMs
  if (isNear || queue.versionsAbove === undefined)
    return new VersionClock({ region, floor: highest })
  const ahead = new AheadVersions()
  const floor = await queue.versionsAbove(BigInt(Math.floor(now)) * 1000n, (key, version) =>
    ahead.note(key, version),
  )
  return new VersionClock({ region, floor, ahead })
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
  replication: Replication | undefined,
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
    longestDelayMs: Math.min(
      config.limits.longestDelay,
      queue.supports.longestDelayMs,
      // A put that is due later than deletes are remembered might bring back what was deleted meanwhile.
      config.replication?.longestLagMs ?? Number.POSITIVE_INFINITY,
    ),
    largestPayloadBytes: Math.min(config.limits.payloadBytes, queue.supports.largestRecordBytes),
    origin: region.name,
    clock,
    random,
    ids,
    versions,
    region: replication && rulesOf(replication),
  })
}

function rulesOf(replication: Replication): RegionRules {
  return {
    checkWrite: (input, now) => replication.writes.check(input, now),
    checkForwarded: (record) => replication.arrive(record),
    concerns: (record, target) => replication.concerns(record, target),
  }
}
