import { setTimeout as sleep } from 'node:timers/promises'
import { type Connection, ConnectionPool, findErrorBy, Producer } from '@platformatic/kafka'
import type { KafkaMessage, KafkaPlace, KafkaSender } from '../kafka-client.ts'
import { brokerErrorOf, isRefusal } from '../kafka-errors.ts'
import { nameOf } from '../places.ts'
import type { PlatformaticOptions } from './platformatic-options.ts'
import { end, type ProduceFormat, produce, produceFormatOf } from './produce.ts'
import { recordBatchOf, sequenceAfter } from './record-batch.ts'

/** Each partition has one batch under way, so these are of as many partitions. */
const mostUnderWay = 100

/** By default a batch is tried again after so long, in ms. */
const usualRetryMs = 1_000

/** What a producer is to the cluster. */
interface Identity {
  readonly producerId: bigint
  readonly producerEpoch: number
  readonly format: ProduceFormat
}

/**
 * An idempotent producer over connections of its own. The client's takes two to three times as long for a message, and has
 * one request under way for each broker; it is asked for who leads, and for the producer's id. A batch is
 * tried again with the numbers it had, so the broker stores it once, and no other of its partition is sent before that is over.
 */
export class PlatformaticSender implements KafkaSender {
  readonly #client: Producer<Buffer, Buffer, Buffer, Buffer>
  readonly #pool: ConnectionPool
  readonly #retries: number
  readonly #retryMs: number
  readonly #closing = new AbortController()
  #identity: Promise<Identity> | undefined
  /** By partition, the number of its next message. */
  readonly #sequences = new Map<string, number>()
  /** By partition. One that fails is looked up anew. */
  readonly #leaders = new Map<string, Connection>()
  #underWay = 0

  constructor(options: PlatformaticOptions) {
    const { clientId, retries, retryDelay = usualRetryMs } = options
    this.#client = new Producer({ ...options, idempotent: true, acks: -1, autocreateTopics: false })
    this.#pool = new ConnectionPool(clientId, { ...options, maxInflights: mostUnderWay })
    this.#retries = retriesOf(retries)
    this.#retryMs = retryDelay
  }

  async send(
    place: KafkaPlace,
    messages: readonly KafkaMessage[],
    signal?: AbortSignal,
  ): Promise<void> {
    // What is on its way cannot be taken back, so its connection is ended. Others that use it may be under
    // way: how they ended is not known then either, which is less than an order that is lost.
    const giveUp = (): void => void this.close()
    signal?.addEventListener('abort', giveUp, { once: true })
    this.#underWay++
    try {
      if (signal?.aborted) giveUp()
      await this.#store(place, messages)
    } finally {
      this.#underWay--
      signal?.removeEventListener('abort', giveUp)
    }
  }

  /** Never rejects. */
  async close(): Promise<void> {
    this.#closing.abort()
    if (this.#underWay > 0) for (const [, connection] of this.#pool) end(connection)
    await Promise.allSettled([this.#pool.close(), this.#client.close(true)])
  }

  async #store(place: KafkaPlace, messages: readonly KafkaMessage[]): Promise<void> {
    this.#identity ??= this.#identify()
    const { format, ...identity } = await this.#identity
    const firstSequence = this.#sequences.get(nameOf(place)) ?? 0
    const batch = recordBatchOf(messages, { ...identity, firstSequence, timestamp: Date.now() })
    await this.#tryUntilStored(place, format, batch)
    this.#sequences.set(nameOf(place), sequenceAfter(firstSequence, messages.length))
  }

  async #identify(): Promise<Identity> {
    const format = produceFormatOf(await this.#client.listApis())
    if (format === undefined)
      throw new Error('The broker is too old: it has no idempotent producers.')
    const { producerId, producerEpoch } = await this.#client.initIdempotentProducer({})
    return { producerId, producerEpoch, format }
  }

  async #tryUntilStored(place: KafkaPlace, format: ProduceFormat, batch: Buffer): Promise<void> {
    /** Of a try that may have been stored, whatever is said of a later one. */
    let doubt: unknown
    for (let tries = 1; ; tries++) {
      const failure = await this.#try(place, format, batch, tries > 1)
      if (failure === undefined) return
      const { error, isOpen } = failure
      if (isOpen) doubt ??= error
      const isLast = this.#closing.signal.aborted || tries > this.#retries || !isPassing(error)
      if (isLast) throw doubt !== undefined && isRefusal(error) ? open(error, doubt) : error
      await this.#pause(tries === 1 && isStale(error) ? 0 : this.#retryMs)
    }
  }

  /** Undefined where it is stored. Open: it may be stored all the same. */
  async #try(
    place: KafkaPlace,
    format: ProduceFormat,
    batch: Buffer,
    isAgain: boolean,
  ): Promise<{ readonly error: unknown; readonly isOpen: boolean } | undefined> {
    let isSent = false
    try {
      this.#check(place)
      const leader = this.#leaderOf(place) ?? (await this.#findLeader(place, isAgain))
      this.#check(place)
      isSent = true
      await produce(leader, format, place, batch)
      return undefined
    } catch (error) {
      this.#leaders.delete(nameOf(place))
      return { error, isOpen: isSent && !isRefusal(error) }
    }
  }

  /** Throws once it is closed: nothing is sent any more. */
  #check({ topic, partition }: KafkaPlace): void {
    if (!this.#closing.signal.aborted) return
    throw new Error(`Sending to ${topic}, partition ${partition}, was given up.`)
  }

  #leaderOf(place: KafkaPlace): Connection | undefined {
    const leader = this.#leaders.get(nameOf(place))
    return leader?.isConnected() ? leader : undefined
  }

  async #findLeader(place: KafkaPlace, forceUpdate: boolean): Promise<Connection> {
    const { topic, partition } = place
    const { topics, brokers } = await this.#client.metadata({ topics: [topic], forceUpdate })
    const leader = brokers.get(topics.get(topic)?.partitions[partition]?.leader ?? -1)
    // Without one it says itself that there is none, and that this may pass.
    const connection = await this.#pool.get(leader as NonNullable<typeof leader>)
    // It tells of its end to whoever waits for an answer; told to nobody, an error would end the process.
    connection.off('error', nothing)
    connection.on('error', nothing)
    this.#leaders.set(nameOf(place), connection)
    return connection
  }

  async #pause(ms: number): Promise<void> {
    await sleep(ms, undefined, { signal: this.#closing.signal }).catch(nothing)
  }
}

/** As the client counts for idempotent producers: unless it is told more than one, without end. */
function retriesOf(retries: PlatformaticOptions['retries']): number {
  if (retries === false) return 0
  return typeof retries === 'number' && retries > 1 ? retries : Number.POSITIVE_INFINITY
}

/** True where the client says so of all that it met. */
function isPassing(error: unknown): boolean {
  return has(error, 'canRetry', true) && !has(error, 'canRetry', false)
}

/** True where another broker leads by now. */
function isStale(error: unknown): boolean {
  return has(error, 'hasStaleMetadata', true)
}

function has(error: unknown, property: string, value: boolean): boolean {
  return error instanceof Error && findErrorBy(error, property, value) !== null
}

/** A refusal that does not speak for an earlier try. Without its cause, or it would be taken for one. */
function open(refusal: unknown, doubt: unknown): Error {
  const what = brokerErrorOf(refusal) ?? textOf(refusal)
  return new Error(`${what}; an earlier try may have been stored (${textOf(doubt)})`)
}

function textOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error)
}

function nothing(): void {}
