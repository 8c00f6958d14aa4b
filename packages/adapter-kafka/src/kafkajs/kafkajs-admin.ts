import type { KafkaAdmin, KafkaCommit, KafkaTopic, NewKafkaTopic } from '../kafka-client.ts'
import { brokerErrorOf } from '../kafka-errors.ts'
import type { KafkaJs, KafkaJsAdmin } from './kafkajs-types.ts'

/** Connects an admin client. */
export async function kafkaJsAdmin(kafka: KafkaJs): Promise<KafkaAdmin> {
  const admin = kafka.admin()
  await admin.connect()
  return {
    async cluster() {
      const { clusterId, brokers } = await admin.describeCluster()
      return { id: clusterId ?? undefined, brokers: brokers.length }
    },
    topic: (name) => topicOf(admin, name),
    settings: (topic) => settingsOf(admin, topic),
    create: (topics) => create(admin, topics),
    bounds: async (topic) => {
      const offsets = await admin.fetchTopicOffsets(topic)
      return byPartition(offsets).map(({ low, high }) => ({
        first: Number(low),
        next: Number(high),
      }))
    },
    offsetsAt: (topic, timestamp) => offsetsAt(admin, topic, timestamp),
    committed: (group, topic) => committed(admin, group, topic),
    deleteBefore: async (places) => {
      for (const { topic, partition, offset } of places) {
        const partitions = [{ partition, offset: String(offset) }]
        // It does not look for the leaders by itself, and this has it know them.
        await admin.fetchTopicOffsets(topic)
        await admin.deleteTopicRecords({ topic, partitions })
      }
    },
    close: () => admin.disconnect(),
  }
}

async function topicOf(admin: KafkaJsAdmin, name: string): Promise<KafkaTopic | undefined> {
  // Asked for a topic that is not there, kafkajs asks again for ten seconds.
  if (!(await admin.listTopics()).includes(name)) return undefined
  try {
    const { topics } = await admin.fetchTopicMetadata({ topics: [name] })
    const partitions = topics[0]?.partitions ?? []
    return {
      partitions: partitions.length,
      replicas: Math.min(...partitions.map(({ replicas }) => replicas.length)),
      hasLeaders: partitions.every(({ leader }) => leader >= 0),
    }
  } catch (error) {
    const broker = brokerErrorOf(error)
    if (broker === 'UNKNOWN_TOPIC_OR_PARTITION') return undefined
    // That is all that it says of the topic then.
    if (broker === 'LEADER_NOT_AVAILABLE') return { partitions: 0, replicas: 0, hasLeaders: false }
    throw error
  }
}

async function settingsOf(
  admin: KafkaJsAdmin,
  topic: string,
): Promise<ReadonlyMap<string, string>> {
  const { resources } = await admin.describeConfigs({
    resources: [{ type: 2, name: topic }],
    includeSynonyms: false,
  })
  const entries = resources.flatMap(({ configEntries }) => configEntries)
  return new Map(entries.map(({ configName, configValue }) => [configName, configValue ?? '']))
}

async function create(admin: KafkaJsAdmin, topics: readonly NewKafkaTopic[]): Promise<void> {
  try {
    await admin.createTopics({
      // It waits by asking for metadata, and fails where the broker does not yet know the new topic.
      waitForLeaders: false,
      topics: topics.map(({ topic, partitions, replicas, settings }) => ({
        topic,
        numPartitions: partitions,
        replicationFactor: replicas,
        configEntries: [...settings].map(([name, value]) => ({ name, value })),
      })),
    })
  } catch (error) {
    if (brokerErrorOf(error) !== 'TOPIC_ALREADY_EXISTS') throw error
  }
}

async function offsetsAt(
  admin: KafkaJsAdmin,
  topic: string,
  timestamp: number,
): Promise<readonly (number | undefined)[]> {
  const [found, ends] = await Promise.all([
    admin.fetchTopicOffsetsByTimestamp(topic, timestamp),
    admin.fetchTopicOffsets(topic),
  ])
  // Where nothing is so young, kafkajs answers with the end of the partition.
  const sorted = byPartition(ends)
  return byPartition(found).map(({ offset }, partition) => {
    const isBehind = Number(offset) >= Number(sorted[partition]?.high ?? 0)
    return isBehind || Number(offset) < 0 ? undefined : Number(offset)
  })
}

async function committed(
  admin: KafkaJsAdmin,
  groupId: string,
  topic: string,
): Promise<ReadonlyMap<number, KafkaCommit>> {
  const found = await admin.fetchOffsets({ groupId, topics: [topic] })
  const commits = found.flatMap(({ partitions }) => partitions)
  return new Map(
    commits
      .filter(({ offset }) => Number(offset) >= 0)
      .map(({ partition, offset, metadata }) => [
        partition,
        { topic, partition, offset: Number(offset), metadata: metadata ?? '' },
      ]),
  )
}

function byPartition<Item extends { readonly partition: number }>(items: Item[]): Item[] {
  return items.sort((a, b) => a.partition - b.partition)
}
