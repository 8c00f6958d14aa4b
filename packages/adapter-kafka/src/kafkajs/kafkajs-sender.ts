import type { KafkaMessage, KafkaPlace, KafkaSender } from '../kafka-client.ts'
import { brokerErrorOf, isRefusal, UnsentError } from '../kafka-errors.ts'
import type { KafkaJs, KafkaJsProducer, KafkaJsProducerMessage } from './kafkajs-types.ts'

/** Connects a producer. */
export async function openSender(kafka: KafkaJs): Promise<KafkaSender> {
  const producer = kafka.producer({
    idempotent: true,
    allowAutoTopicCreation: false,
    // Asked before each try, though the partition is chosen already. To look at it may throw.
    createPartitioner: () => partitionOf,
  })
  await producer.connect()
  return new KafkaJsSender(producer)
}

function partitionOf({ message }: { message: { partition?: number } }): number {
  return message.partition ?? 0
}

/**
 * A producer of kafkajs tries a batch again for ever, and connects again for that after it was
 * disconnected. A batch that was given up would then be stored behind newer ones, so its messages
 * refuse to be sent.
 */
class KafkaJsSender implements KafkaSender {
  readonly #producer: KafkaJsProducer
  readonly #closing = new AbortController()

  constructor(producer: KafkaJsProducer) {
    this.#producer = producer
  }

  async send(
    { topic, partition }: KafkaPlace,
    messages: readonly KafkaMessage[],
    signal?: AbortSignal,
  ): Promise<void> {
    let tries = 0
    const check = (): void => {
      if (this.#closing.signal.aborted || signal?.aborted) throw givenUp(topic, partition)
    }
    const leave = (): void => {
      check()
      tries++
    }
    // What goes along with the first message is no try of its own.
    const [first, others] = [
      { check, leave },
      { check, leave: check },
    ]
    const sending = this.#send(
      topic,
      messages.map((one, at) => messageOf(one, partition, at === 0 ? first : others)),
    )
    sending.catch(() => {}) // nobody waits for one that was held back
    const { promise: heldBack, reject } = Promise.withResolvers<never>()
    // The client itself hears of it only when it tries again.
    const giveUp = (): void => {
      const text = `Sending to ${topic}, partition ${partition}, was given up: nothing of it was sent.`
      if (tries === 0) reject(new UnsentError(text))
    }
    signal?.addEventListener('abort', giveUp, { once: true })
    try {
      await Promise.race([sending, heldBack])
    } catch (error) {
      throw isOpen(tries, error) ? open(error) : error
    } finally {
      signal?.removeEventListener('abort', giveUp)
    }
  }

  async #send(topic: string, messages: KafkaJsProducerMessage[]): Promise<void> {
    try {
      await this.#producer.send({ topic, acks: -1, messages })
    } finally {
      // Trying again, it may have connected after it was closed.
      if (this.#closing.signal.aborted) await this.#producer.disconnect().catch(() => {})
    }
  }

  close(): Promise<void> {
    this.#closing.abort()
    return this.#producer.disconnect()
  }
}

/**
 * Whether a refusal leaves open what became of a try before it. Who may not even connect again has sent all tries before
 * that; anything else is the answer to the last.
 */
function isOpen(tries: number, refusal: unknown): boolean {
  const answered = brokerErrorOf(refusal) === 'SASL_AUTHENTICATION_FAILED' ? 0 : 1
  return isRefusal(refusal) && tries > answered
}

/** Without its cause, or it would be taken for a refusal. */
function open(refusal: unknown): Error {
  return new Error(`${brokerErrorOf(refusal)}; an earlier try may have been stored`)
}

/** What the client calls as it looks at a message. Both throw once it was given up. */
interface Gate {
  /** A try begins. */
  check(): void
  /** The request is made, once there is a connection: nothing is waited for after that. */
  leave(): void
}

function messageOf(
  { key, value, headers }: KafkaMessage,
  partition: number,
  { check, leave }: Gate,
): KafkaJsProducerMessage {
  const all = Object.fromEntries(headers)
  return {
    key,
    value,
    get partition() {
      check()
      return partition
    },
    get headers() {
      leave()
      return all
    },
  }
}

function givenUp(topic: string, partition: number): Error {
  const error = new Error(`Sending to ${topic}, partition ${partition}, was given up.`)
  return Object.assign(error, { name: 'KafkaJSNonRetriableError', retriable: false })
}
