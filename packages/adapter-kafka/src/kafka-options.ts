import type { KafkaClient } from './kafka-client.ts'
import type { KafkaJs } from './kafkajs/kafkajs-types.ts'
import { checkOptions, checkSettings } from './options-check.ts'
import { usualGroupOf } from './queue-parts.ts'

/** What {@link kafkaQueue} can be told. Times are in ms, sizes in bytes. */
export interface KafkaQueueOptions {
  /**
   * A `Kafka` of kafkajs, or `platformatic(…)` of `@daybook/adapter-kafka/platformatic`. Its own
   * time-outs, TLS and SASL are used as they are; a queue opens producers and consumers of its own.
   */
  readonly client: KafkaClient | KafkaJs
  /**
   * The topic that holds the records, or several, over all of whose partitions the keys are spread; names of 1 to 230
   * characters (Kafka's 249, less what is added). Beside
   * the first there are `<topic>.delays` and `<topic>.dead-letters`, and where dead letters block their keys,
   * beside each `<topic>.parked.<target>`. A topic serves one namespace. To
   * name other topics, or in another order, is as to add partitions: keys go elsewhere.
   */
  readonly topic: string | readonly string[]
  /**
   * What the names of its groups begin with: `<group>.<target>`. 1 to 249 characters, none of them a space; default
   * `daybook.<topic>`, of the first.
   */
  readonly group?: string
  /** False: a topic that is missing is an error. Default true: it is created. */
  readonly create?: boolean
  /** Partitions of each topic that is created, at least 1; default 6. More of them later would put keys elsewhere. */
  readonly partitions?: number
  /** Replicas of a topic that is created, 1 to 32,767; default 3, or one a broker where there are fewer. */
  readonly replicas?: number
  /**
   * True: a topic with less than 3 replicas, or whose min.insync.replicas is less than 2, is taken
   * all the same. An acknowledged record can then be lost with one broker. Default false.
   */
  readonly allowUnderReplicated?: boolean
  /** Waits so long for more records before a batch goes out, in ms, from 0; default 0: batches form while one is under way. */
  readonly lingerMs?: number
  /**
   * Most bytes of one batch, 1 to 2,000,000,000; default 900,000. A record may be as large too. A broker takes 1,048,588
   * unless its `message.max.bytes` says otherwise. Where a topic is told to take less meanwhile,
   * batches to its partition are halved until it takes them; what was in one that it refused is not stored, `ERR_THROTTLED`.
   * They grow again within seconds of its `max.message.bytes` being raised.
   */
  readonly batchBytes?: number
  /** A batch that was not answered by then is `'unknown'`; in ms, at least 1, default 30,000. */
  readonly sendTimeoutMs?: number
  /**
   * A consumer that is silent for so long has lost its partitions; in ms, default 10,000. A broker takes 6,000 to 1,800,000
   * unless its `group.min.session.timeout.ms` and `group.max.session.timeout.ms` say otherwise.
   */
  readonly sessionTimeoutMs?: number
  /** Records read ahead of what was pulled, per partition, at least 1; default 1,000. */
  readonly bufferRecords?: number
  /** Their bytes, per partition, at least 1; default 8 MiB. */
  readonly bufferBytes?: number
  /**
   * How long a record waits in each tier of the delays topic, in ms, at least one of 1 or more, descending. The last is also
   * the span in which records are held in memory by the process that sends them on. Default a
   * day, six hours, an hour, ten minutes, one minute, ten seconds. Of use are few: each is a
   * partition, and a long delay is made up of hops down them.
   */
  readonly delayTiersMs?: readonly number[]
}

/** The options with their defaults, checked. */
export type KafkaSettings = Required<Omit<KafkaQueueOptions, 'client' | 'replicas' | 'topic'>> & {
  readonly replicas: number | undefined
  /** The first one: others are named after it. */
  readonly topic: string
  readonly topics: readonly string[]
}

const defaults = {
  create: true,
  partitions: 6,
  allowUnderReplicated: false,
  lingerMs: 0,
  batchBytes: 900_000,
  sendTimeoutMs: 30_000,
  sessionTimeoutMs: 10_000,
  bufferRecords: 1_000,
  bufferBytes: 8 * 2 ** 20,
  delayTiersMs: [86_400_000, 21_600_000, 3_600_000, 600_000, 60_000, 10_000],
}

/** Fills in the defaults. Throws `ERR_CONFIG` for what makes no sense. */
export function settingsOf(options: KafkaQueueOptions): KafkaSettings {
  checkOptions(options)
  const { client: _, replicas, topic: named, ...rest } = options
  const topics = Object.freeze([named].flat())
  const topic = topics[0] as string
  const { group = usualGroupOf(topic), ...given } = rest
  const set = Object.entries(given).filter(([, value]) => value !== undefined)
  const settings: KafkaSettings = {
    ...defaults,
    ...(Object.fromEntries(set) as typeof given),
    ...{ topic, topics, group, replicas },
  }
  checkSettings(settings)
  const delayTiersMs = Object.freeze([...settings.delayTiersMs])
  return Object.freeze({ ...settings, delayTiersMs })
}
