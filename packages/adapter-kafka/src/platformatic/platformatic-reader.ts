import { randomUUID } from 'node:crypto'
import { Consumer } from '@platformatic/kafka'
import type { KafkaReader } from '../kafka-client.ts'
import { type Fetched, fetchOnce, leadersOf } from './fetching.ts'
import { withLeaderless } from './leaderless.ts'
import { lotsOf } from './lots.ts'
import type { PlatformaticOptions } from './platformatic-options.ts'

/** How long a broker waits for something to arrive, in ms. */
const waitMs = 100

/** Reads a topic from wherever it is asked to, as a consumer that joins no group. */
export function openReader(options: PlatformaticOptions, topic: string): KafkaReader {
  const groupId = `daybook.reader.${randomUUID()}`
  const consumer = withLeaderless(new Consumer({ ...options, groupId }))
  consumer.topics.trackAll(topic)
  return {
    read(partition, from, to, signal) {
      const fetch = async (next: number): Promise<Fetched | undefined> => {
        const node = (await leadersOf(consumer, [topic])).get(topic)?.[partition] ?? -1
        const wanted = new Map([[topic, new Map([[partition, next]])]])
        return (await fetchOnce(consumer, { node, waitMs, from: wanted }))[0]
      }
      return lotsOf({ from, to, signal, fetch })
    },
    close: () => consumer.close(true),
  }
}
