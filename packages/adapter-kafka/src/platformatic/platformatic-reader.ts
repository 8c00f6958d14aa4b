import { randomUUID } from 'node:crypto'
import { Consumer } from '@platformatic/kafka'
import type { KafkaReader } from '../kafka-client.ts'
import { fetchOnce, leadersOf } from './fetching.ts'
import type { PlatformaticOptions } from './platformatic-options.ts'

/** How long a broker waits for something to arrive, in ms. */
const waitMs = 100

/** Reads a topic from wherever it is asked to, as a consumer that joins no group. */
export function openReader(options: PlatformaticOptions, topic: string): KafkaReader {
  const consumer = new Consumer({ ...options, groupId: `daybook.reader.${randomUUID()}` })
  consumer.topics.trackAll(topic)
  return {
    async *read(partition, from, to, signal) {
      for (let next = from; next < to && !signal?.aborted; ) {
        const node = (await leadersOf(consumer, [topic])).get(topic)?.[partition] ?? -1
        const [fetched] = await fetchOnce(consumer, {
          node,
          waitMs,
          from: new Map([[topic, new Map([[partition, next]])]]),
        })
        if (fetched === undefined) continue
        next = fetched.next
        const entries = fetched.entries.filter(({ offset }) => offset < to)
        if (entries.length > 0) yield entries
      }
    },
    close: () => consumer.close(true),
  }
}
