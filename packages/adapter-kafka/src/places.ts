import type { KafkaAdmin, KafkaPlace } from './kafka-client.ts'
import { partitionOf } from './partitioner.ts'

/** A place as a key of a map. */
export function nameOf({ topic, partition }: KafkaPlace): string {
  return `${topic}/${partition}`
}

/** The partitions of a queue's topics, one topic after the other: each key belongs to one of them. */
export class Places {
  readonly #all: readonly KafkaPlace[]

  constructor(topics: readonly (readonly [topic: string, partitions: number])[]) {
    this.#all = topics.flatMap(([topic, partitions]) =>
      Array.from({ length: partitions }, (_, partition) => ({ topic, partition })),
    )
  }

  /** Over one topic it is where Kafka's Java client would put the key. */
  of(key: Buffer): KafkaPlace {
    return this.#all[partitionOf(key, this.#all.length)] as KafkaPlace
  }
}

/** First offset that is kept, and the one that comes next, of every partition of these topics, by name. */
export async function boundsOf(
  admin: KafkaAdmin,
  topics: readonly string[],
): Promise<ReadonlyMap<string, { readonly first: number; readonly next: number }>> {
  const found = await Promise.all(
    topics.map(async (topic) => {
      const bounds = await admin.bounds(topic)
      return bounds.map((one, partition) => [nameOf({ topic, partition }), one] as const)
    }),
  )
  return new Map(found.flat())
}
