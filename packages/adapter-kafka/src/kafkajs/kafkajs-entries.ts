import type { KafkaEntry } from '../kafka-client.ts'
import type { KafkaJsMessage } from './kafkajs-types.ts'

/** A message of kafkajs as this package has them. Of a header that is there twice the last one counts. */
export function entryOf({ key, value, offset, timestamp, headers }: KafkaJsMessage): KafkaEntry {
  const all = new Map<string, Buffer>()
  // A plain object of the client's: going through it costs less than a list of its entries.
  for (const name in headers) {
    const values = headers[name]
    const one = Array.isArray(values) ? values.at(-1) : values
    if (one !== undefined) all.set(name, typeof one === 'string' ? Buffer.from(one) : one)
  }
  return { key, value, headers: all, offset: Number(offset), timestamp: Number(timestamp) }
}
