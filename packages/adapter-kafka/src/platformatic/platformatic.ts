import { Producer } from '@platformatic/kafka'
import type { KafkaClient, KafkaMessage, KafkaPlace, KafkaSender } from '../kafka-client.ts'
import { nameBytesOf } from '../kafka-message.ts'
import { openAdmin } from './platformatic-admin.ts'
import { joinGroup } from './platformatic-group.ts'
import type { PlatformaticOptions } from './platformatic-options.ts'
import { openReader } from './platformatic-reader.ts'

/** `@platformatic/kafka` 2.12.1 or later, as this package uses it. */
export function platformatic(options: PlatformaticOptions): KafkaClient {
  return {
    name: '@platformatic/kafka',
    admin: async () => openAdmin(options),
    sender: async () => openSender(options),
    group: (group, listener) => joinGroup(options, group, listener),
    reader: async (topic) => openReader(options, topic),
  }
}

async function openSender(options: PlatformaticOptions): Promise<KafkaSender> {
  const producer = new Producer({ ...options, idempotent: true, acks: -1, autocreateTopics: false })
  return {
    send: (place, messages) => send(producer, place, messages),
    // Waits for nothing: what is still under way has been given up.
    close: () => producer.close(true),
  }
}

async function send(
  producer: Producer,
  { topic, partition }: KafkaPlace,
  messages: readonly KafkaMessage[],
): Promise<void> {
  await producer.send({
    messages: messages.map(({ key, value, headers }) => ({
      topic,
      partition,
      headers: headersOf(headers),
      // The client takes a null, which is what a missing one is on the wire.
      key: key as Buffer,
      value: value as Buffer,
    })),
  })
}

function headersOf(headers: KafkaMessage['headers']): Map<Buffer, Buffer> {
  const all = new Map<Buffer, Buffer>()
  for (const [name, text] of headers) all.set(nameBytesOf(name), text)
  return all
}
