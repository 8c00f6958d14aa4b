import type { KafkaClient, KafkaMessage, KafkaPlace, KafkaSender } from '../kafka-client.ts'
import { kafkaJsAdmin } from './kafkajs-admin.ts'
import { joinGroup } from './kafkajs-group.ts'
import { openReader } from './kafkajs-reader.ts'
import type { KafkaJs, KafkaJsProducer } from './kafkajs-types.ts'

/** A `Kafka` of kafkajs 2.2.4 or later, as this package uses it. */
export function kafkajs(kafka: KafkaJs): KafkaClient {
  return {
    name: 'kafkajs',
    admin: () => kafkaJsAdmin(kafka),
    sender: () => openSender(kafka),
    group: (options, listener) => joinGroup(kafka, options, listener),
    reader: (topic) => openReader(kafka, topic),
  }
}

/** Tells the two apart that may be given as `client`. */
export function asKafkaClient(client: KafkaClient | KafkaJs): KafkaClient {
  return 'group' in client ? client : kafkajs(client)
}

async function openSender(kafka: KafkaJs): Promise<KafkaSender> {
  const producer = kafka.producer({ idempotent: true, allowAutoTopicCreation: false })
  await producer.connect()
  return {
    send: (place, messages) => send(producer, place, messages),
    close: () => producer.disconnect(),
  }
}

async function send(
  producer: KafkaJsProducer,
  { topic, partition }: KafkaPlace,
  messages: readonly KafkaMessage[],
): Promise<void> {
  await producer.send({
    topic,
    acks: -1,
    messages: messages.map(({ key, value, headers }) => ({
      key,
      value,
      partition,
      headers: Object.fromEntries(headers),
    })),
  })
}
