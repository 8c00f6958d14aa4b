/** The few methods of a `Kafka` of kafkajs that are used, and no more of its types than that takes. */
export interface KafkaJs {
  admin(): KafkaJsAdmin
  producer(options: {
    idempotent: true
    allowAutoTopicCreation: false
    createPartitioner: () => (about: {
      message: { partition?: number; headers?: unknown }
    }) => number
  }): KafkaJsProducer
  consumer(options: {
    groupId: string
    sessionTimeout: number
    heartbeatInterval: number
    maxWaitTimeInMs: number
    allowAutoTopicCreation: false
    retry: { restartOnFailure: () => Promise<boolean> }
  }): KafkaJsConsumer
}

interface Connected {
  connect(): Promise<void>
  disconnect(): Promise<void>
}

type PartitionOffset = { partition: number; offset: string }

export interface KafkaJsAdmin extends Connected {
  describeCluster(): Promise<{ clusterId: string | null; brokers: readonly unknown[] }>
  fetchTopicMetadata(options: { topics: string[] }): Promise<{
    topics: { partitions: { partitionId: number; leader: number; replicas: number[] }[] }[]
  }>
  listTopics(): Promise<string[]>
  describeConfigs(options: {
    // 2 is a topic, in the protocol.
    resources: { type: 2; name: string }[]
    includeSynonyms: boolean
  }): Promise<{
    resources: { configEntries: { configName: string; configValue: string | null }[] }[]
  }>
  createTopics(options: {
    waitForLeaders: boolean
    topics: {
      topic: string
      numPartitions: number
      replicationFactor: number
      configEntries: { name: string; value: string }[]
    }[]
  }): Promise<boolean>
  fetchTopicOffsets(topic: string): Promise<(PartitionOffset & { high: string; low: string })[]>
  fetchTopicOffsetsByTimestamp(topic: string, timestamp: number): Promise<PartitionOffset[]>
  fetchOffsets(options: {
    groupId: string
    topics: string[]
  }): Promise<{ partitions: (PartitionOffset & { metadata: string | null })[] }[]>
  deleteTopicRecords(options: { topic: string; partitions: PartitionOffset[] }): Promise<void>
}

export interface KafkaJsProducer extends Connected {
  send(options: { topic: string; acks: -1; messages: KafkaJsProducerMessage[] }): Promise<unknown>
}

/** A message as kafkajs is given it. */
export interface KafkaJsProducerMessage {
  readonly key: Buffer | null
  readonly value: Buffer | null
  readonly partition: number
  readonly headers: Record<string, Buffer>
}

/** A message as kafkajs hands it out. */
export interface KafkaJsMessage {
  key: Buffer | null
  value: Buffer | null
  offset: string
  timestamp: string
  headers?: Record<string, Buffer | string | (Buffer | string)[] | undefined>
}

interface Event<Payload> {
  payload: Payload
}

export interface KafkaJsConsumer extends Connected {
  subscribe(options: { topics: string[]; fromBeginning: boolean }): Promise<void>
  run(options: {
    autoCommit: false
    partitionsConsumedConcurrently: number
    eachBatch(payload: {
      batch: {
        topic: string
        partition: number
        messages: KafkaJsMessage[]
        lastOffset(): string
      }
      isStale(): boolean
    }): Promise<void>
  }): Promise<void>
  seek(place: { topic: string; partition: number; offset: string }): void
  pause(places: { topic: string; partitions: number[] }[]): void
  resume(places: { topic: string; partitions: number[] }[]): void
  commitOffsets(
    commits: { topic: string; partition: number; offset: string; metadata: string }[],
  ): Promise<void>
  on(event: 'consumer.group_join', listener: (event: Event<KafkaJsJoin>) => void): unknown
  on(
    event: 'consumer.end_batch_process',
    listener: (event: Event<KafkaJsBatchEnd>) => void,
  ): unknown
  on(event: 'consumer.rebalancing', listener: () => void): unknown
  on(
    event: 'consumer.crash',
    listener: (event: Event<{ error: Error; restart: boolean }>) => void,
  ): unknown
}

/** How a member has joined. */
export interface KafkaJsJoin {
  readonly memberId: string
  readonly memberAssignment: Readonly<Record<string, readonly number[]>>
}

/** What the client tells of each batch, also of one of which nothing is passed on. */
export interface KafkaJsBatchEnd {
  readonly topic: string
  readonly partition: number
  /** Messages in it that are passed on. */
  readonly batchSize: number
  /** Null where all that came lies before what was asked for. */
  readonly firstOffset: string | null
  readonly lastOffset: string
}
