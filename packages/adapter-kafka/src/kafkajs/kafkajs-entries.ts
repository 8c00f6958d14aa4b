import type { KafkaEntry } from '../kafka-client.ts'
import { KafkaJsHeaders } from './kafkajs-headers.ts'
import type { KafkaJsMessage } from './kafkajs-types.ts'

/** A message of kafkajs as this package has them. */
export function entryOf({ key, value, offset, timestamp, headers }: KafkaJsMessage): KafkaEntry {
  const all = new KafkaJsHeaders(headers ?? {})
  return { key, value, headers: all, offset: Number(offset), timestamp: Number(timestamp) }
}
