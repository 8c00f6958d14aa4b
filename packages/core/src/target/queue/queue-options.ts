import * as v from 'valibot'
import { type Clock, systemClock } from '../../clock.ts'
import { type Codec, jsonCodec } from '../../codec.ts'
import { clockShape, codecShape, queueShape, randomShape } from '../../config/shapes.ts'
import type { WalError } from '../../errors.ts'
import type { Producer } from '../../producer/producer.ts'
import type { Queue } from '../../queue/queue.ts'
import { type Random, systemRandom } from '../../random.ts'
import { aFunction, checkOptions, count, size } from '../check-options.ts'
import type { BatchLimits } from '../target.ts'

/** What {@link queueTarget} takes in either form. */
export interface QueueTargetCommon {
  /** Only this target of the namespace that reads the queue; default every one. */
  readonly target?: string | undefined
  /** That of the namespace that reads the queue. Default JSON. */
  readonly codec?: Codec | undefined
}

/** A queue of its own, which the target opens before the first record and closes after the last. */
export interface QueueTargetOfQueue extends QueueTargetCommon {
  /**
   * Where records go, such as `kafkaQueue(…)` or `sqsQueue(…)`. Not one that a wal uses as well: for
   * a namespace of a wal in this process there is `walTarget`.
   */
  readonly queue: Queue
  readonly producer?: undefined
  /** The name of the namespace that reads the queue, as its wal has it. */
  readonly namespace: string
  /** Its targets' names, where the queue has to know them. Default none. */
  readonly targets?: readonly string[] | undefined
  /** What the queue reports of failures in the background. Default: process warnings. */
  readonly onError?: ((error: WalError) => void) | undefined
  /** For tests: the source of time. */
  readonly clock?: Clock | undefined
  /** For tests: the source of randomness. */
  readonly random?: Random | undefined
}

/** A producer that is open, and that its owner closes after the wal. */
export interface QueueTargetOfProducer extends QueueTargetCommon {
  readonly producer: Producer
  readonly queue?: undefined
  /** The namespace written into records; default the one they come from. */
  readonly namespace?: string | undefined
  /** Most that the producer takes in one `send`. Default 100 records of 1 MiB together. */
  readonly largestBatch?: Partial<BatchLimits> | undefined
}

/** What {@link queueTarget} takes. */
export type QueueTargetOptions = QueueTargetOfQueue | QueueTargetOfProducer

const name = v.pipe(v.string('must be a name'), v.nonEmpty('must be a name'))

const common = { target: v.optional(name), codec: v.optional(codecShape, jsonCodec) }

const ofQueue = v.strictObject({
  ...common,
  queue: queueShape,
  namespace: name,
  targets: v.optional(v.array(name, 'must be an array of names'), []),
  onError: v.optional(aFunction<(error: WalError) => void>(), () => warn),
  clock: v.optional(clockShape, systemClock),
  random: v.optional(randomShape, systemRandom),
})

const ofProducer = v.strictObject({
  ...common,
  producer: v.custom<Producer>(
    (value) => typeof value === 'object' && value !== null && 'send' in value,
    'must be a producer, or give a queue',
  ),
  namespace: v.optional(name),
  largestBatch: v.optional(
    v.strictObject({ maxRecords: v.optional(count, 100), maxBytes: v.optional(size, 2 ** 20) }),
    {},
  ),
})

/** Options checked, with every default filled in. */
export type QueueSettings = v.InferOutput<typeof ofQueue> | v.InferOutput<typeof ofProducer>

/** Checks the options of a target that is a queue. Throws `ConfigError`. */
export function queueSettings(options: unknown): QueueSettings {
  const hasQueue = typeof options === 'object' && options !== null && 'queue' in options
  return hasQueue
    ? checkOptions('queueTarget', ofQueue, options)
    : checkOptions('queueTarget', ofProducer, options)
}

function warn(error: WalError): void {
  process.emitWarning(error.message, { type: 'DaybookWarning', code: error.code })
}
