import {
  type Clock,
  type Consumer,
  type DeadLetterQueue,
  type PastRange,
  type PastReader,
  type Producer,
  type Queue,
  type QueueContext,
  type QueueSupports,
  type SendOutcome,
  WalError,
} from '@daybook/core'
import { clusterOf, unreachable } from './cluster.ts'
import { KafkaConsumer } from './consumer/kafka-consumer.ts'
import { Lag } from './consumer/lag.ts'
import { kafkaDeadLetterQueue, leastMarksMs } from './dead-letters/kafka-dead-letters.ts'
import { DelayMover } from './delays/delay-mover.ts'
import { Tiers } from './delays/tiers.ts'
import type { KafkaClient, KafkaMessage, KafkaPlace } from './kafka-client.ts'
import { bytesOf } from './kafka-message.ts'
import { type KafkaQueueOptions, type KafkaSettings, settingsOf } from './kafka-options.ts'
import { asKafkaClient } from './kafkajs/kafkajs.ts'
import { parkedTopicsOf, parkingTopics } from './parked/parking-topics.ts'
import { openPastReader } from './past/kafka-past-reader.ts'
import { Places } from './places.ts'
import { KafkaProducer } from './producer/kafka-producer.ts'
import { type BatchOutcome, PartitionPipe } from './producer/partition-pipe.ts'
import { SenderPool } from './producer/sender-pool.ts'
import { deadLettersTopicOf, delaysTopicOf, type QueueParts } from './queue-parts.ts'
import { checkRights } from './rights.ts'
import { type CheckedTopic, ensureTopics, messageBytesOf, type WantedTopic } from './topics.ts'

/**
 * A Kafka topic, or several, as the queue of a namespace: many processes may write to it, and for each
 * target a consumer group reads it, shared out among the processes that consume.
 *
 * Throws `ERR_CONFIG` for options that are wrong or unknown; `createWal` rejects with it where a topic is missing or will
 * not do, or a right is missing, and with a retryable `ERR_IO` where the brokers do not answer.
 */
export function kafkaQueue(options: KafkaQueueOptions): Queue {
  const settings = settingsOf(options)
  return new KafkaQueue(asKafkaClient(options.client), settings)
}

/** What is added to a message on its way: the frame of a batch, and its hop or its letter. */
const frameBytes = 60_000

/** What is there while a queue is open. */
interface Opened {
  readonly clusterId: string | undefined
  readonly longestStayMs: number
  readonly parts: QueueParts
  readonly senders: SenderPool
  /** By topic and partition. */
  readonly pipes: Map<string, PartitionPipe[]>
}

class KafkaQueue implements Queue {
  readonly kind = 'kafka'
  readonly supports: QueueSupports
  readonly #client: KafkaClient
  readonly #settings: KafkaSettings
  readonly #tiers: Tiers
  #opened: Opened | undefined
  #isOpening = false
  #mover: Promise<DelayMover> | undefined

  constructor(client: KafkaClient, settings: KafkaSettings) {
    this.#client = client
    this.#settings = settings
    this.#tiers = new Tiers(settings.delayTiersMs)
    this.supports = Object.freeze({
      order: 'key',
      longestDelayMs: Number.POSITIVE_INFINITY,
      largestRecordBytes: settings.batchBytes,
      largestBatchRecords: 10_000,
      largestBatchBytes: 64 * 2 ** 20,
      replay: true,
      independentReaders: true,
      deadLetterListing: true,
      durability: 'replicated',
      shared: true,
      attempts: 'numbers',
      releaseHoldsKey: false,
    })
  }

  async open(context: QueueContext): Promise<void> {
    if (this.#opened !== undefined || this.#isOpening) {
      const text = `This Kafka queue is open already, and "${context.namespace}" would take it from whoever has it; give each a kafkaQueue() of its own.`
      throw new WalError('ERR_CONFIG', text)
    }
    this.#isOpening = true
    try {
      this.#opened = await this.#openFor(context)
    } finally {
      this.#isOpening = false
    }
  }

  async #openFor(context: QueueContext): Promise<Opened> {
    const settings = this.#settings
    const { topic } = settings
    let admin: QueueParts['admin'] | undefined
    try {
      admin = await this.#client.admin()
    } catch (error) {
      throw unreachable(topic, error)
    }
    try {
      const pause = (ms: number): Promise<void> => pauseFor(context.clock, ms)
      const wanted = this.#wantedTopics(context)
      const { clock } = context
      const { id: clusterId } = await clusterOf(admin, {
        client: this.#client,
        topic,
        clock,
        pause,
      })
      const found = await ensureTopics(admin, wanted, settings, pause)
      const own = settings.topics.map((name, at) => [name, found[at] as CheckedTopic] as const)
      const parts = {
        ...{ client: this.#client, options: settings, context, admin, pause },
        lag: new Lag(admin, settings),
        places: new Places(own.map(([name, { partitions }]) => [name, partitions])),
        parking: await parkingTopics({ admin, context, settings, pause }, own),
        retentionMs: Math.min(...own.map(([, { retentionMs }]) => retentionMs)),
      }
      const senders = new SenderPool(this.#client)
      const longestStayMs = Math.max(...own.map(([, { longestStayMs: ms }]) => ms))
      return { clusterId, longestStayMs, parts, senders, pipes: new Map() }
    } catch (error) {
      await admin.close().catch(() => {})
      throw error
    }
  }

  keepsForMs(): number {
    return this.#ready().parts.retentionMs
  }

  async producer(): Promise<Producer> {
    const { parts } = this.#ready()
    return new KafkaProducer({
      topic: this.#settings.topic,
      places: parts.places,
      largestRecordBytes: this.supports.largestRecordBytes,
      now: () => parts.context.clock.now(),
      put: (place, message, bytes) => this.#pipe(place)?.add(message, bytes) ?? notOpen(),
      delay: (message, dueAt) => this.#delay(message, dueAt),
    })
  }

  async consumer(target: string): Promise<Consumer> {
    const { parts } = this.#ready()
    if (!parts.context.targets.includes(target)) {
      throw new WalError(
        'ERR_UNKNOWN_TARGET',
        `The queue of namespace "${parts.context.namespace}" was opened without a target "${target}".`,
      )
    }
    const { topic, topics } = this.#settings
    const parked = parkedTopicsOf(this.#settings, topics, [target]).filter((name) =>
      parts.parking.has(name),
    )
    await checkRights(parts.admin, [
      ...[...topics, delaysTopicOf(topic), deadLettersTopicOf(topic)],
      ...parked,
    ])
    const consumer = new KafkaConsumer(parts, target, (place, message) => this.#put(place, message))
    // Whoever consumes also takes part in sending on what was delayed.
    this.#mover ??= this.#openMover()
    const mover = this.#mover
    const opened = await Promise.allSettled([consumer.open(), mover])
    const failed = opened.find((one) => one.status === 'rejected')
    if (failed === undefined) return consumer
    // A member that nobody asks would keep its partitions from everybody else.
    await consumer.close().catch(() => {})
    if (opened[1].status === 'rejected' && this.#mover === mover) this.#mover = undefined
    throw failed.reason
  }

  async deadLetters(): Promise<DeadLetterQueue> {
    const { parts } = this.#ready()
    const place = { topic: deadLettersTopicOf(this.#settings.topic), partition: 0 }
    return kafkaDeadLetterQueue(parts, place, (message) => this.#put(place, message))
  }

  async pastReader(range: PastRange): Promise<PastReader> {
    return openPastReader(this.#ready().parts, range)
  }

  handsOutForMs(): number {
    return this.#ready().longestStayMs
  }

  storage(): readonly string[] {
    const { clusterId, parts } = this.#ready()
    if (clusterId === undefined) return []
    const { topic, topics } = this.#settings
    const all = [...topics, delaysTopicOf(topic), deadLettersTopicOf(topic), ...parts.parking]
    return all.map((name) => `topic ${name} of the cluster ${clusterId}`)
  }

  async close(): Promise<void> {
    const opened = this.#opened
    if (opened === undefined) return
    this.#opened = undefined
    const mover = this.#mover
    this.#mover = undefined
    await (await mover?.catch(() => undefined))?.close()
    await opened.senders.close()
    await opened.parts.admin.close()
  }

  async #openMover(): Promise<DelayMover> {
    const { parts } = this.#ready()
    const mover = new DelayMover({
      parts,
      tiers: this.#tiers,
      put: (place, message) => this.#put(place, message),
      delay: (message, dueAt) => this.#delay(message, dueAt),
    })
    await mover.open()
    return mover
  }

  async #put(place: KafkaPlace, message: KafkaMessage): Promise<SendOutcome> {
    return (await (this.#pipe(place)?.add(message, bytesOf(message)) ?? notOpen()))[0]
  }

  /** Undefined once the queue is closed. */
  #pipe(place: KafkaPlace): PartitionPipe | undefined {
    if (this.#opened === undefined) return undefined
    const { parts, senders, pipes } = this.#opened
    const ofTopic = pipes.get(place.topic) ?? []
    if (ofTopic.length === 0) pipes.set(place.topic, ofTopic)
    const known = ofTopic[place.partition]
    if (known !== undefined) return known
    const pipe = new PartitionPipe(place, senders, {
      ...this.#settings,
      clock: parts.context.clock,
      largestBatch: async () => largestBatchIn(await parts.admin.settings(place.topic)),
    })
    ofTopic[place.partition] = pipe
    return pipe
  }

  #delay(message: KafkaMessage, dueAt: number): Promise<SendOutcome> {
    const now = this.#opened?.parts.context.clock.now() ?? dueAt
    const { partition, message: noted } = this.#tiers.place(message, dueAt, now)
    return this.#put({ topic: delaysTopicOf(this.#settings.topic), partition }, noted)
  }

  #wantedTopics({ retention }: QueueContext): readonly WantedTopic[] {
    const { topic, topics, partitions, batchBytes } = this.#settings
    const messageBytes = batchBytes + frameBytes
    const forEver = Number.POSITIVE_INFINITY
    const own = topics.map(
      (name): WantedTopic => ({
        topic: name,
        partitions,
        needsAll: false,
        cleanup: 'delete',
        retentionMs: retention?.timeMs ?? forEver,
        // A topic that is there already says itself how long it keeps what, unless the namespace does.
        leastRetentionMs: retention?.timeMs ?? 0,
        messageBytes,
      }),
    )
    return [
      ...own,
      {
        topic: delaysTopicOf(topic),
        partitions: this.#tiers.partitions,
        needsAll: true,
        cleanup: 'delete',
        retentionMs: forEver,
        leastRetentionMs: forEver,
        messageBytes,
      },
      {
        topic: deadLettersTopicOf(topic),
        partitions: 1,
        needsAll: true,
        cleanup: 'compact',
        retentionMs: forEver,
        leastRetentionMs: forEver,
        messageBytes: messageBytes + frameBytes,
        leastMarksMs,
      },
    ]
  }

  #ready(): Opened {
    if (!this.#opened) throw closed()
    return this.#opened
  }
}

function notOpen(): BatchOutcome {
  return Promise.resolve([{ durable: 'no', error: closed() }] as const)
}

function closed(): WalError {
  return new WalError('ERR_CLOSED', 'The Kafka queue is closed.')
}

/** As many bytes as leave room for what is added, of which there is less where a topic takes little; 0 where it does not say. */
function largestBatchIn(settings: ReadonlyMap<string, string>): number {
  const messageBytes = messageBytesOf(settings) ?? 0
  return Math.max(messageBytes - frameBytes, messageBytes / 2)
}

function pauseFor(clock: Clock, ms: number): Promise<void> {
  return new Promise((resolve) => {
    clock.setTimer(ms, resolve)
  })
}
