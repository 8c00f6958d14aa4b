export type {
  KafkaAdmin,
  KafkaClient,
  KafkaCommit,
  KafkaEntry,
  KafkaGroup,
  KafkaGroupListener,
  KafkaGroupOptions,
  KafkaMessage,
  KafkaPlace,
  KafkaReader,
  KafkaSender,
  KafkaTopic,
  NewKafkaTopic,
} from './kafka-client.ts'
export type { KafkaQueueOptions } from './kafka-options.ts'
export { kafkaQueue } from './kafka-queue.ts'
export { kafkajs } from './kafkajs/kafkajs.ts'
export type {
  KafkaJs,
  KafkaJsAdmin,
  KafkaJsBatchEnd,
  KafkaJsConnected,
  KafkaJsConsumer,
  KafkaJsEvent,
  KafkaJsJoin,
  KafkaJsMessage,
  KafkaJsOffset,
  KafkaJsProducer,
  KafkaJsProducerMessage,
} from './kafkajs/kafkajs-types.ts'
