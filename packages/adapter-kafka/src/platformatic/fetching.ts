import type { ConnectionPool, Consumer } from '@platformatic/kafka'
import type { KafkaEntry } from '../kafka-client.ts'

type FetchResponse = Awaited<ReturnType<Consumer['fetch']>> & object

/** Set on batches that hold the marks of transactions, and no messages. */
const controlBatch = 0b10_0000

const mostBytesPerPartition = 1_048_576

/** Of one partition: what came, and the offset behind it. */
export interface Fetched {
  readonly partition: number
  readonly entries: readonly KafkaEntry[]
  readonly next: number
}

/** How one fetch is made. */
export interface FetchOptions {
  readonly topic: string
  /** By partition, the offset to read from. */
  readonly from: ReadonlyMap<number, number>
  /** The broker that leads these partitions. */
  readonly node: number
  /** How long the broker waits for something to arrive, in ms. */
  readonly waitMs: number
  readonly connectionPool?: ConnectionPool
}

/** The leader of each partition of a topic, as last known. */
export async function leadersOf(consumer: Consumer, topic: string): Promise<readonly number[]> {
  const metadata = await consumer.metadata({ topics: [topic] })
  return metadata.topics.get(topic)?.partitions.map(({ leader }) => leader) ?? []
}

/** Asks one broker once. */
export async function fetchOnce(consumer: Consumer, options: FetchOptions): Promise<Fetched[]> {
  const { topic, from, node, waitMs, connectionPool } = options
  const metadata = await consumer.metadata({ topics: [topic] })
  const topicId = metadata.topics.get(topic)?.id ?? ''
  const partitions = [...from].map(([partition, offset]) => ({
    partition,
    fetchOffset: BigInt(offset),
    currentLeaderEpoch: -1,
    lastFetchedEpoch: -1,
    partitionMaxBytes: mostBytesPerPartition,
  }))
  const response = await consumer.fetch({
    node,
    topics: [{ topicId, partitions }],
    maxWaitTime: waitMs,
    minBytes: 1,
    ...(connectionPool ? { connectionPool } : {}),
  })
  return fetchedOf(response, from)
}

function fetchedOf(response: FetchResponse, from: ReadonlyMap<number, number>): Fetched[] {
  return response.responses.flatMap(({ partitions }) =>
    partitions.flatMap(({ partitionIndex: partition, records }) => {
      const wanted = from.get(partition)
      if (wanted === undefined || !records || records.length === 0) return []
      const entries: KafkaEntry[] = []
      let next = wanted
      for (const batch of records) {
        next = Math.max(next, Number(batch.firstOffset) + batch.lastOffsetDelta + 1)
        if ((batch.attributes & controlBatch) === 0) entriesInto(entries, batch, wanted)
      }
      return [{ partition, entries, next }]
    }),
  )
}

type Batch = NonNullable<FetchResponse['responses'][0]['partitions'][0]['records']>[0]

function entriesInto(entries: KafkaEntry[], batch: Batch, wanted: number): void {
  const { firstOffset, firstTimestamp, records } = batch
  for (const { offsetDelta, timestampDelta, key, value, headers } of records) {
    const offset = Number(firstOffset) + offsetDelta
    // A batch comes whole, also where it begins before the offset that was asked for.
    if (offset < wanted) continue
    const all = new Map<string, Buffer>()
    for (const [name, text] of headers) if (name && text) all.set(name.toString(), text)
    entries.push({
      key,
      value,
      headers: all,
      offset,
      timestamp: Number(firstTimestamp + timestampDelta),
    })
  }
}
