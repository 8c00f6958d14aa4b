import type { KafkaMessage, KafkaPlace, KafkaSender } from '../kafka-client.ts'
import type { KafkaJs, KafkaJsProducer, KafkaJsProducerMessage } from './kafkajs-types.ts'

/** Connects a producer. */
export async function openSender(kafka: KafkaJs): Promise<KafkaSender> {
  const producer = kafka.producer({
    idempotent: true,
    allowAutoTopicCreation: false,
    // Asked before each try, though the partition is chosen already. To look at the headers may throw.
    createPartitioner: () => partitionOf,
  })
  await producer.connect()
  return new KafkaJsSender(producer)
}

function partitionOf({ message }: { message: { partition?: number; headers?: unknown } }): number {
  const { partition = 0, headers: _ } = message
  return partition
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
    const check = (): void => {
      if (this.#closing.signal.aborted || signal?.aborted) throw givenUp(topic, partition)
    }
    try {
      await this.#producer.send({
        topic,
        acks: -1,
        messages: messages.map((message) => messageOf(message, partition, check)),
      })
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

function messageOf(
  { key, value, headers }: KafkaMessage,
  partition: number,
  check: () => void,
): KafkaJsProducerMessage {
  const all = Object.fromEntries(headers)
  return {
    key,
    value,
    partition,
    // Read as the request is made, once there is a connection: nothing is waited for after that.
    get headers() {
      check()
      return all
    },
  }
}

function givenUp(topic: string, partition: number): Error {
  const error = new Error(`Sending to ${topic}, partition ${partition}, was given up.`)
  return Object.assign(error, { name: 'KafkaJSNonRetriableError', retriable: false })
}
