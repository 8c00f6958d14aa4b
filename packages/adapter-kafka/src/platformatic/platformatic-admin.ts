import { Admin, ConfigResourceTypes, ConnectionPool } from '@platformatic/kafka'
import type { KafkaAdmin, KafkaCommit, KafkaTopic, NewKafkaTopic } from '../kafka-client.ts'
import { brokerErrorOf } from '../kafka-errors.ts'
import { withLeaderless } from './leaderless.ts'
import type { PlatformaticOptions } from './platformatic-options.ts'
import { rightsOn } from './platformatic-rights.ts'

const earliest = -2n
const latest = -1n

/** Opens an admin client. */
export function openAdmin(options: PlatformaticOptions): KafkaAdmin {
  const admin = withLeaderless(new Admin(options))
  const pool = new ConnectionPool(options.clientId, options)
  return {
    async cluster() {
      const { id, brokers } = await admin.metadata({ topics: [] })
      return { id, brokers: brokers.size }
    },
    topic: (name) => topicOf(admin, name),
    settings: (topic) => settingsOf(admin, topic),
    async create(topics) {
      await Promise.all(topics.map((topic) => create(admin, topic)))
    },
    async bounds(topic) {
      const [first, next] = await Promise.all([
        offsets(admin, topic, earliest),
        offsets(admin, topic, latest),
      ])
      return next.map((end, partition) => ({ first: first[partition] ?? 0, next: end }))
    },
    async offsetsAt(topic, timestamp) {
      const found = await offsets(admin, topic, BigInt(Math.ceil(timestamp)))
      return found.map((offset) => (offset < 0 ? undefined : offset))
    },
    committed: (group, topic) => committed(admin, group, topic),
    async deleteBefore(places) {
      for (const { topic, partition, offset } of places) {
        const partitions = [{ partition, offset: BigInt(offset) }]
        await admin.deleteRecords({ topics: [{ name: topic, partitions }] })
      }
    },
    rights: (topic) => rightsOn(admin, pool, topic),
    async close() {
      await Promise.all([admin.close(), pool.close()])
    },
  }
}

async function topicOf(admin: Admin, name: string): Promise<KafkaTopic | undefined> {
  // Asked for a topic that is not there, the client keeps quiet about which error the broker gave.
  if (!(await admin.listTopics()).includes(name)) return undefined
  try {
    const { topics } = await admin.metadata({ topics: [name], forceUpdate: true, retries: 0 })
    const partitions = topics.get(name)?.partitions ?? []
    if (partitions.length === 0) return undefined
    return {
      partitions: partitions.length,
      replicas: Math.min(...partitions.map(({ replicas }) => replicas.length)),
      hasLeaders: partitions.every(({ leader }) => leader >= 0),
    }
  } catch (error) {
    const broker = brokerErrorOf(error)
    if (broker === 'UNKNOWN_TOPIC_OR_PARTITION') return undefined
    if (broker === 'LEADER_NOT_AVAILABLE') return { partitions: 0, replicas: 0, hasLeaders: false }
    throw error
  }
}

async function settingsOf(admin: Admin, topic: string): Promise<ReadonlyMap<string, string>> {
  const described = await admin.describeConfigs({
    resources: [{ resourceType: ConfigResourceTypes.TOPIC, resourceName: topic }],
  })
  const configs = described.flatMap(({ configs }) => configs)
  return new Map(configs.map(({ name, value }) => [name, value ?? '']))
}

async function create(
  admin: Admin,
  { topic, partitions, replicas, settings }: NewKafkaTopic,
): Promise<void> {
  try {
    await admin.createTopics({
      topics: [topic],
      partitions,
      replicas,
      configs: [...settings].map(([name, value]) => ({ name, value })),
    })
  } catch (error) {
    if (brokerErrorOf(error) !== 'TOPIC_ALREADY_EXISTS') throw error
  }
}

async function offsets(admin: Admin, topic: string, timestamp: bigint): Promise<number[]> {
  const { topics } = await admin.metadata({ topics: [topic] })
  const count = topics.get(topic)?.partitions.length ?? 0
  const partitions = Array.from({ length: count }, (_, partitionIndex) => ({
    partitionIndex,
    timestamp,
  }))
  const listed = await admin.listOffsets({ topics: [{ name: topic, partitions }] })
  const found: number[] = []
  for (const one of listed.flatMap((of) => of.partitions)) {
    found[one.partitionIndex] = Number(one.offset)
  }
  return found
}

async function committed(
  admin: Admin,
  groupId: string,
  topic: string,
): Promise<ReadonlyMap<number, KafkaCommit>> {
  const groups = await admin.listConsumerGroupOffsets({ groups: [groupId] })
  const commits = groups
    .flatMap(({ topics }) => topics)
    .filter(({ name }) => name === topic)
    .flatMap(({ partitions }) => partitions)
  return new Map(
    commits
      .filter(({ committedOffset }) => committedOffset >= 0n)
      .map(({ partitionIndex: partition, committedOffset, metadata }) => [
        partition,
        { topic, partition, offset: Number(committedOffset), metadata: metadata ?? '' },
      ]),
  )
}
