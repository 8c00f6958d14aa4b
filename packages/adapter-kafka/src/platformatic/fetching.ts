import type { ConnectionPool, Consumer } from '@platformatic/kafka'
import type { KafkaEntry } from '../kafka-client.ts'
import { committedOf } from './committed.ts'

type FetchResponse = Awaited<ReturnType<Consumer['fetch']>> & object

const mostBytesPerPartition = 1_048_576

/** By topic and partition, an offset each. */
export type TopicOffsets = ReadonlyMap<string, ReadonlyMap<number, number>>

/** Of one partition: what came, and the offset behind it. */
export interface Fetched {
  readonly topic: string
  readonly partition: number
  readonly entries: readonly KafkaEntry[]
  readonly next: number
}

/** How one fetch is made. */
export interface FetchOptions {
  /** The offset to read from. */
  readonly from: TopicOffsets
  /** The broker that leads these partitions. */
  readonly node: number
  /** How long the broker waits for something to arrive, in ms. */
  readonly waitMs: number
  readonly connectionPool?: ConnectionPool
}

/** No leader. */
export const nobody = -1

/** While a partition has no leader it is asked anew so seldom whether it has, in ms. */
const askAnewMs = 1_000

/** The leader of each partition, by topic, as last known; {@link nobody} where there is none. */
export async function leadersOf(
  consumer: Consumer,
  topics: readonly string[],
): Promise<ReadonlyMap<string, readonly number[]>> {
  let metadata = await consumer.metadata({ topics: [...topics] })
  const known = [...metadata.topics.values()]
  const isOld = known.some(
    ({ partitions, lastUpdate }) =>
      Date.now() - lastUpdate > askAnewMs && partitions.some(({ leader }) => leader === nobody),
  )
  if (isOld) metadata = await consumer.metadata({ topics: [...topics], forceUpdate: true })
  return new Map(
    [...metadata.topics].map(([topic, { partitions }]) => [
      topic,
      partitions.map(({ leader }) => leader),
    ]),
  )
}

/**
 * Asks one broker once, for all topics together: the client keeps one session with each broker, which two
 * requests at the same time would break.
 */
export async function fetchOnce(consumer: Consumer, options: FetchOptions): Promise<Fetched[]> {
  const { from, node, waitMs, connectionPool } = options
  const metadata = await consumer.metadata({ topics: [...from.keys()] })
  const names = new Map([...metadata.topics].map(([topic, { id }]) => [id, topic]))
  const topics = [...from].map(([topic, offsets]) => ({
    topicId: metadata.topics.get(topic)?.id ?? '',
    partitions: [...offsets].map(([partition, offset]) => ({
      partition,
      fetchOffset: BigInt(offset),
      currentLeaderEpoch: -1,
      lastFetchedEpoch: -1,
      partitionMaxBytes: mostBytesPerPartition,
    })),
  }))
  const response = await consumer.fetch({
    node,
    topics,
    maxWaitTime: waitMs,
    minBytes: 1,
    ...(connectionPool ? { connectionPool } : {}),
  })
  return fetchedOf(response, from, names)
}

function fetchedOf(
  response: FetchResponse,
  from: TopicOffsets,
  names: ReadonlyMap<string, string>,
): Fetched[] {
  return response.responses.flatMap(({ topicId, partitions }) =>
    partitions.flatMap(({ partitionIndex: partition, records, abortedTransactions }) => {
      const topic = names.get(topicId) ?? ''
      const wanted = from.get(topic)?.get(partition)
      if (wanted === undefined || !records || records.length === 0) return []
      const entries: KafkaEntry[] = []
      let next = wanted
      for (const { firstOffset, lastOffsetDelta } of records) {
        next = Math.max(next, Number(firstOffset) + lastOffsetDelta + 1)
      }
      for (const batch of committedOf(records, abortedTransactions ?? [])) {
        entriesInto(entries, batch, wanted)
      }
      return [{ topic, partition, entries, next }]
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
