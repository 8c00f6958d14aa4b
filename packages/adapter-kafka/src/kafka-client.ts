/** A message on its way into a topic. */
export interface KafkaMessage {
  /** Null for none, which is not the same as an empty one. */
  readonly key: Buffer | null
  /** Null for none. In a compacted topic that removes what the key had. */
  readonly value: Buffer | null
  readonly headers: ReadonlyMap<string, Buffer>
}

/** A message in a partition. */
export interface KafkaEntry extends KafkaMessage {
  readonly offset: number
  /** As the topic keeps it, in ms since the Unix epoch. */
  readonly timestamp: number
}

/** One partition of a topic. */
export interface KafkaPlace {
  readonly topic: string
  readonly partition: number
}

/** How far a group is in a partition, and what it noted with that. */
export interface KafkaCommit extends KafkaPlace {
  /** The first offset that is not done with. */
  readonly offset: number
  /** At most 4,096 characters, by the broker's default. */
  readonly metadata: string
}

/** A topic as the cluster has it. */
export interface KafkaTopic {
  /** 0 where the client cannot say, as there may be while some have no leader. */
  readonly partitions: number
  /** Replicas of the partition that has the fewest. */
  readonly replicas: number
  /** False while a partition is without a leader. */
  readonly hasLeaders: boolean
}

/** A topic to be created. */
export interface NewKafkaTopic {
  readonly topic: string
  readonly partitions: number
  readonly replicas: number
  readonly settings: ReadonlyMap<string, string>
}

/** Asks and tells the cluster. A method rejects with the client's own error. */
export interface KafkaAdmin {
  /** Its id, the same for all of its clients (undefined where it has none), and how many brokers it has. */
  cluster(): Promise<{ readonly id: string | undefined; readonly brokers: number }>
  /** Undefined where there is no such topic. */
  topic(name: string): Promise<KafkaTopic | undefined>
  /** The topic's settings by their Kafka names. */
  settings(topic: string): Promise<ReadonlyMap<string, string>>
  /** Resolves once they are made, though perhaps before they have leaders. One that is there already is left. */
  create(topics: readonly NewKafkaTopic[]): Promise<void>
  /** First offset that is kept, and the one that comes next, by partition. */
  bounds(topic: string): Promise<readonly { readonly first: number; readonly next: number }[]>
  /** The first offset not older than that instant, by partition; undefined behind the last. */
  offsetsAt(topic: string, timestamp: number): Promise<readonly (number | undefined)[]>
  /** What the group has committed, by partition; nothing where it has not. */
  committed(group: string, topic: string): Promise<ReadonlyMap<number, KafkaCommit>>
  /**
   * What this client's principal may do with the topic, by Kafka's names for it (`Read`, `Write`, …).
   * Undefined where the broker does not say. Optional: not every client can ask.
   */
  rights?(topic: string): Promise<ReadonlySet<string> | undefined>
  /** Lets the broker remove what lies before these offsets. */
  deleteBefore(places: readonly (KafkaPlace & { readonly offset: number })[]): Promise<void>
  close(): Promise<void>
}

/**
 * An idempotent producer that waits for all in-sync replicas. After an error that does not say for
 * certain that nothing was stored it is not used again: its sequence numbers may be out of step.
 */
export interface KafkaSender {
  /**
   * Stores the messages in their order, all or none. One call per partition at a time. When the signal
   * aborts the call is given up: what is not yet on its way to the broker is not sent any more. Where nothing of it
   * ever was it rejects with an `UnsentError`, before a timer could, and the sender is as good as before.
   */
  send(place: KafkaPlace, messages: readonly KafkaMessage[], signal?: AbortSignal): Promise<void>
  /** Gives it up, also while a call is under way, whose outcome then stays unknown. */
  close(): Promise<void>
}

/** What a member of a group is told. Calls come one after the other, and none after `close`. */
export interface KafkaGroupListener {
  /**
   * The partitions that are its own from now on, all of them; none after it has been thrown out.
   * Of each nothing is read before `read` says from where.
   */
  assigned(places: readonly KafkaPlace[]): void
  /** They are about to be given out anew. What is committed at once still counts. */
  rebalancing(): void
  /** Entries of one partition, in order, perhaps some that it was given before. `next` is the offset behind them. */
  entries(place: KafkaPlace, entries: readonly KafkaEntry[], next: number): void
  /** Something failed that the client goes on trying. */
  failed(error: unknown): void
}

/** A member of a consumer group. Fetching and heartbeats go on by themselves. */
export interface KafkaGroup {
  /** Reads this partition, from that offset on. */
  read(place: KafkaPlace, from: number): void
  /** Reads no more of it until told. A batch that is on its way may still come. */
  pause(place: KafkaPlace): void
  /** Commits in the member's present generation. One call at a time. */
  commit(commits: readonly KafkaCommit[]): Promise<void>
  /** Leaves the group. */
  close(): Promise<void>
}

/** How a group is joined. */
export interface KafkaGroupOptions {
  readonly group: string
  readonly topics: readonly string[]
  readonly sessionTimeoutMs: number
}

/** Reads a topic outside of any group. */
export interface KafkaReader {
  /**
   * What failed last since something came, where the client goes on trying by itself. Optional: a client
   * whose `read` rejects has no more to say.
   */
  readonly failure?: unknown
  /**
   * The entries of a partition from one offset up to, and without, another, in lots. A lot is empty where
   * reading went further and found nothing that counts: what was aborted, marks of transactions. So
   * whoever waits can tell that from silence. Ends early when the signal aborts. One call at a time.
   */
  read(
    partition: number,
    from: number,
    to: number,
    signal?: AbortSignal,
  ): AsyncIterable<readonly KafkaEntry[]>
  close(): Promise<void>
}

/**
 * All that this package asks of a Kafka client. There are two: `kafkajs(…)` and, from
 * `@daybook/adapter-kafka/platformatic`, `platformatic(…)`.
 */
export interface KafkaClient {
  /** The package it comes from, for messages. */
  readonly name: string
  admin(): Promise<KafkaAdmin>
  sender(): Promise<KafkaSender>
  group(options: KafkaGroupOptions, listener: KafkaGroupListener): Promise<KafkaGroup>
  reader(topic: string): Promise<KafkaReader>
}
