/** The few methods of a `Kafka` of kafkajs that are used, and no more of its types than that takes. */
export interface KafkaJs {
  admin(): KafkaJsAdmin
  producer(options: {
    idempotent: true
    allowAutoTopicCreation: false
    createPartitioner: () => (about: { message: { partition?: number } }) => number
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

/** What all of them have. */
export interface KafkaJsConnected {
  connect(): Promise<void>
  disconnect(): Promise<void>
}

/** A place in a partition. */
export type KafkaJsOffset = { partition: number; offset: string }

/** Those of `admin()`. */
export interface KafkaJsAdmin extends KafkaJsConnected {
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
  fetchTopicOffsets(topic: string): Promise<(KafkaJsOffset & { high: string; low: string })[]>
  fetchTopicOffsetsByTimestamp(topic: string, timestamp: number): Promise<KafkaJsOffset[]>
  fetchOffsets(options: {
    groupId: string
    topics: string[]
  }): Promise<{ partitions: (KafkaJsOffset & { metadata: string | null })[] }[]>
  deleteTopicRecords(options: { topic: string; partitions: KafkaJsOffset[] }): Promise<void>
}

/** Those of `producer()`. */
export interface KafkaJsProducer extends KafkaJsConnected {
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

/** What a listener is told. */
export interface KafkaJsEvent<Payload> {
  payload: Payload
}

/** Those of `consumer()`. */
export interface KafkaJsConsumer extends KafkaJsConnected {
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
  on(event: 'consumer.group_join', listener: (event: KafkaJsEvent<KafkaJsJoin>) => void): unknown
  on(
    event: 'consumer.end_batch_process',
    listener: (event: KafkaJsEvent<KafkaJsBatchEnd>) => void,
  ): unknown
  on(event: 'consumer.rebalancing', listener: () => void): unknown
  on(
    event: 'consumer.network.request',
    listener: (event: KafkaJsEvent<{ readonly apiName: string }>) => void,
  ): unknown
  on(
    event: 'consumer.crash',
    listener: (event: KafkaJsEvent<{ error: Error; restart: boolean }>) => void,
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
