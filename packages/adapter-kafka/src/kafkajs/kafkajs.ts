import type { KafkaClient } from '../kafka-client.ts'
import { kafkaJsAdmin } from './kafkajs-admin.ts'
import { joinGroup } from './kafkajs-group.ts'
import { openReader } from './kafkajs-reader.ts'
import { openSender } from './kafkajs-sender.ts'
import type { KafkaJs } from './kafkajs-types.ts'

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
