import {
  type Connection,
  ConnectionPool,
  findErrorBy,
  Producer,
  ProtocolError,
} from '@platformatic/kafka'
import type { KafkaMessage, KafkaPlace, KafkaSender } from '../kafka-client.ts'
import { brokerErrorOf, isRefusal } from '../kafka-errors.ts'
import { nameOf } from '../places.ts'
import { withLeaderless } from './leaderless.ts'
import type { PlatformaticOptions } from './platformatic-options.ts'
import { type ProduceFormat, produce, produceFormatOf } from './produce.ts'
import { recordBatchOf, sequenceAfter } from './record-batch.ts'
import { Trial } from './trial.ts'

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

/** Sends a batch to its leader, once. */
type Send = (leader: Connection) => Promise<void>

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
  #isClosed = false
  #identity: Promise<Identity> | undefined
  /** By partition, the number of its next message. */
  readonly #sequences = new Map<string, number>()
  /** By partition. One that fails is looked up anew. */
  readonly #leaders = new Map<string, Connection>()
  /** What is under way. */
  readonly #trials = new Set<Trial>()

  constructor(options: PlatformaticOptions) {
    const { clientId, retries, retryDelay = usualRetryMs } = options
    const idempotent = { idempotent: true, acks: -1, autocreateTopics: false } as const
    this.#client = withLeaderless(new Producer({ ...options, ...idempotent }))
    this.#pool = new ConnectionPool(clientId, { ...options, maxInflights: mostUnderWay })
    this.#retries = retriesOf(retries)
    this.#retryMs = retryDelay
  }

  async send(
    place: KafkaPlace,
    messages: readonly KafkaMessage[],
    signal?: AbortSignal,
  ): Promise<void> {
    const trial = new Trial(place)
    const giveUp = (): void => trial.giveUp()
    signal?.addEventListener('abort', giveUp, { once: true })
    this.#trials.add(trial)
    try {
      if (signal?.aborted || this.#isClosed) giveUp()
      await this.#store(place, messages, trial)
    } finally {
      this.#trials.delete(trial)
      signal?.removeEventListener('abort', giveUp)
    }
  }

  /** Never rejects. */
  async close(): Promise<void> {
    this.#isClosed = true
    for (const trial of this.#trials) trial.giveUp()
    await Promise.allSettled([this.#pool.close(), this.#client.close(true)])
  }

  async #store(place: KafkaPlace, messages: readonly KafkaMessage[], trial: Trial): Promise<void> {
    if (!trial.isGivenUp) this.#identity ??= this.#identify()
    const { format, ...identity } = await trial.wait(this.#identity as Promise<Identity>)
    const firstSequence = this.#sequences.get(nameOf(place)) ?? 0
    const batch = recordBatchOf(messages, { ...identity, firstSequence, timestamp: Date.now() })
    await this.#tryUntilStored(trial, place, (leader) => produce(leader, format, place, batch))
    this.#sequences.set(nameOf(place), sequenceAfter(firstSequence, messages.length))
  }

  async #identify(): Promise<Identity> {
    const format = produceFormatOf(await this.#client.listApis())
    if (format === undefined)
      throw new Error('The broker is too old: it has no idempotent producers.')
    const { producerId, producerEpoch } = await this.#client.initIdempotentProducer({})
    return { producerId, producerEpoch, format }
  }

  async #tryUntilStored(trial: Trial, place: KafkaPlace, send: Send): Promise<void> {
    /** Of a try that may have been stored, whatever is said of a later one. */
    let doubt: unknown
    for (let tries = 1; ; tries++) {
      const failure = await this.#try(trial, place, send, tries > 1)
      if (failure === undefined) return
      const { error, isOpen } = failure
      if (isOpen) doubt ??= error
      const isLast = trial.isGivenUp || tries > this.#retries || !isPassing(error)
      if (isLast) throw doubt !== undefined && isRefusal(error) ? open(error, doubt) : error
      await trial.pause(tries === 1 && isStale(error) ? 0 : this.#retryMs, error)
    }
  }

  /** Undefined where it is stored. Open: it may be stored all the same. */
  async #try(
    trial: Trial,
    place: KafkaPlace,
    send: Send,
    isAgain: boolean,
  ): Promise<{ readonly error: unknown; readonly isOpen: boolean } | undefined> {
    let isSent = false
    try {
      const leader = this.#leaderOf(place) ?? (await trial.wait(this.#findLeader(place, isAgain)))
      await trial.over(leader, () => {
        isSent = true
        return send(leader)
      })
      return undefined
    } catch (error) {
      this.#leaders.delete(nameOf(place))
      return { error, isOpen: isSent && !isRefusal(error) }
    }
  }

  #leaderOf(place: KafkaPlace): Connection | undefined {
    const leader = this.#leaders.get(nameOf(place))
    return leader?.isConnected() ? leader : undefined
  }

  async #findLeader(place: KafkaPlace, forceUpdate: boolean): Promise<Connection> {
    const { topic, partition } = place
    const { topics, brokers } = await this.#client.metadata({ topics: [topic], forceUpdate })
    const leader = brokers.get(topics.get(topic)?.partitions[partition]?.leader ?? -1)
    if (leader === undefined) throw new ProtocolError('LEADER_NOT_AVAILABLE')
    const connection = await this.#pool.get(leader)
    // It tells of its end to whoever waits for an answer; told to nobody, an error would end the process.
    connection.off('error', nothing)
    connection.on('error', nothing)
    this.#leaders.set(nameOf(place), connection)
    return connection
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
