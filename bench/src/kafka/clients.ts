import { type KafkaClient, kafkajs } from '@daybook/adapter-kafka'
import { platformatic } from '@daybook/adapter-kafka/platformatic'
import { Consumer, Producer } from '@platformatic/kafka'
import { Kafka, logLevel } from 'kafkajs'

/** A message as a bare client is given it. */
export interface BareMessage {
  readonly key: string
  readonly value: Buffer
  readonly partition: number
  readonly headers: Readonly<Record<string, string>>
}

/** A bare producer: idempotent, and acknowledged by all in-sync replicas. */
export interface BareProducer {
  send(topic: string, messages: readonly BareMessage[]): Promise<unknown>
  close(): Promise<unknown>
}

/** A bare consumer of a group of its own, from the beginning, committing as the client does by itself. */
export interface BareConsumer {
  close(): Promise<unknown>
}

/** What a bare consumer tells. */
export interface BareListener {
  /** The partitions are its own: from here on it reads. */
  assigned(): void
  /** So many messages came, in one go. */
  came(messages: number): void
  /** Has each message made into what an application works with, and handed on, in one go; undefined: they are only counted. */
  readonly handOn?: ((records: readonly BareRecord[]) => void) | undefined
}

/** A message as an application works with it: its texts are read. */
export interface BareRecord {
  readonly key: string | undefined
  readonly value: Buffer | null
  readonly headers: Readonly<Record<string, string>>
}

/** A client of Kafka, as ours uses it and bare. */
export interface ClientOnTrial {
  readonly name: string
  ours(broker: string): KafkaClient
  producer(broker: string): Promise<BareProducer>
  consumer(
    broker: string,
    options: { readonly group: string; readonly topic: string },
    listener: BareListener,
  ): Promise<BareConsumer>
}

const clientId = 'bench'

const kafka = (broker: string) =>
  new Kafka({ clientId, brokers: [broker], logLevel: logLevel.NOTHING })

const onKafkajs: ClientOnTrial = {
  name: 'kafkajs',
  ours: (broker) => kafkajs(kafka(broker)),
  async producer(broker) {
    const producer = kafka(broker).producer({ idempotent: true, allowAutoTopicCreation: false })
    await producer.connect()
    return {
      send: (topic, messages) => producer.send({ topic, acks: -1, messages: [...messages] }),
      close: () => producer.disconnect(),
    }
  },
  async consumer(broker, { group, topic }, listener) {
    const consumer = kafka(broker).consumer({ groupId: group, maxWaitTimeInMs: 250 })
    await consumer.connect()
    await consumer.subscribe({ topics: [topic], fromBeginning: true })
    consumer.on(consumer.events.GROUP_JOIN, () => listener.assigned())
    await consumer.run({
      partitionsConsumedConcurrently: 8,
      eachBatch: async ({ batch: { messages } }) => {
        listener.handOn?.(
          messages.map(({ key, value, headers }) => {
            const texts = textsOf(Object.entries(headers ?? {}))
            return { key: key?.toString(), value, headers: texts }
          }),
        )
        listener.came(messages.length)
      },
    })
    return { close: () => consumer.disconnect() }
  },
}

const onPlatformatic: ClientOnTrial = {
  name: '@platformatic/kafka',
  ours: (broker) => platformatic({ clientId, bootstrapBrokers: [broker] }),
  async producer(broker) {
    const options = { clientId, bootstrapBrokers: [broker], autocreateTopics: false }
    const producer = new Producer({ ...options, idempotent: true, acks: -1 })
    return {
      send: (topic, messages) =>
        producer.send({
          messages: messages.map(({ key, value, partition, headers }) => ({
            ...{ topic, partition, value, key: Buffer.from(key) },
            headers: new Map(
              Object.entries(headers).map(([name, text]) => [Buffer.from(name), Buffer.from(text)]),
            ),
          })),
        }),
      close: () => producer.close(),
    }
  },
  async consumer(broker, { group, topic }, listener) {
    const consumer = new Consumer({
      ...{ clientId, bootstrapBrokers: [broker], groupId: group, autocommit: true },
      ...{ maxWaitTime: 250, sessionTimeout: 10_000, heartbeatInterval: 3_000 },
    })
    consumer.on('consumer:group:join', () => listener.assigned())
    const stream = await consumer.consume({ topics: [topic], mode: 'earliest' })
    stream.on('data', ({ key, value, headers }) => {
      listener.handOn?.([{ key: key.toString(), value, headers: textsOf(headers) }])
      listener.came(1)
    })
    return { close: () => consumer.close(true) }
  },
}

function textsOf(headers: Iterable<readonly [unknown, unknown]>): Record<string, string> {
  const texts: Record<string, string> = {}
  for (const [name, value] of headers) texts[String(name)] = String(value)
  return texts
}

/** Both clients. */
export const clients: readonly ClientOnTrial[] = [onKafkajs, onPlatformatic]

/** A client of ours that is watched: how many calls were made, and when partitions were its own. */
export function watched(
  client: KafkaClient,
  { sent = () => {}, assigned = () => {} }: { sent?(): void; assigned?(): void },
): KafkaClient {
  return {
    ...client,
    async sender() {
      const sender = await client.sender()
      return {
        send: (place, messages) => {
          sent()
          return sender.send(place, messages)
        },
        close: () => sender.close(),
      }
    },
    group: (options, listener) =>
      client.group(options, {
        assigned(places) {
          if (places.length > 0) assigned()
          listener.assigned(places)
        },
        rebalancing: () => listener.rebalancing(),
        entries: (place, entries, next) => listener.entries(place, entries, next),
        failed: (error) => listener.failed(error),
      }),
  }
}
