import { WalError } from '@daybook/core'
import type { KafkaClient } from '../kafka-client.ts'
import { kafkaJsAdmin } from './kafkajs-admin.ts'
import { joinGroup } from './kafkajs-group.ts'
import { openReader } from './kafkajs-reader.ts'
import { openSender } from './kafkajs-sender.ts'
import type { KafkaJs } from './kafkajs-types.ts'

/** A `Kafka` of kafkajs 2.2.4 or later, as this package uses it. Throws `ERR_CONFIG` for what is none. */
export function kafkajs(kafka: KafkaJs): KafkaClient {
  for (const name of ['admin', 'producer', 'consumer'] as const) {
    if (typeof kafka?.[name] === 'function') continue
    throw new WalError('ERR_CONFIG', 'kafkajs: takes `new Kafka(…)` of the package kafkajs.')
  }
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
