import { Producer } from '@platformatic/kafka'
import type { KafkaClient, KafkaMessage, KafkaPlace, KafkaSender } from '../kafka-client.ts'
import { nameBytesOf } from '../kafka-message.ts'
import { openAdmin } from './platformatic-admin.ts'
import { joinGroup } from './platformatic-group.ts'
import { checkPlatformaticOptions, type PlatformaticOptions } from './platformatic-options.ts'
import { openReader } from './platformatic-reader.ts'

/**
 * `@platformatic/kafka` 2.12.1 or later, as this package uses it. Throws `ERR_CONFIG` for options that are missing or unknown; the
 * values of others are for the client to check.
 */
export function platformatic(options: PlatformaticOptions): KafkaClient {
  checkPlatformaticOptions(options)
  return {
    name: '@platformatic/kafka',
    admin: async () => openAdmin(options),
    sender: async () => openSender(options),
    group: (group, listener) => joinGroup(options, group, listener),
    reader: async (topic) => openReader(options, topic),
  }
}

type Sender = Producer<Buffer, Buffer, string, Buffer>

async function openSender(options: PlatformaticOptions): Promise<KafkaSender> {
  const producer: Sender = new Producer({
    ...{ ...options, idempotent: true, acks: -1, autocreateTopics: false },
    // It goes through the headers in any case.
    serializers: { ...asTheyAre, headerKey: (name) => nameBytesOf(name ?? '') },
  })
  // Waits for nothing: what is still under way has been given up.
  const close = (): Promise<void> => producer.close(true)
  return {
    async send(place, messages, signal) {
      // The client tries an idempotent batch for ever, and so behind newer ones. Others that share the producer
      // may be under way: how they ended is not known then either, which is less than an order that is lost.
      const giveUp = (): void => void close().catch(() => {})
      signal?.addEventListener('abort', giveUp, { once: true })
      try {
        await send(producer, place, messages)
      } finally {
        signal?.removeEventListener('abort', giveUp)
      }
    },
    close,
  }
}

async function send(
  producer: Sender,
  { topic, partition }: KafkaPlace,
  messages: readonly KafkaMessage[],
): Promise<void> {
  await producer.send({
    messages: messages.map(({ key, value, headers }) => ({
      topic,
      partition,
      headers: headers as Map<string, Buffer>,
      // The client takes a null, which is what a missing one is on the wire.
      key: key as Buffer,
      value: value as Buffer,
    })),
  })
}

const asIs = (bytes: Buffer | undefined): Buffer | undefined => bytes
const asTheyAre = { key: asIs, value: asIs, headerValue: asIs }
