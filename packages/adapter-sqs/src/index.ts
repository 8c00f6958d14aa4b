export { queueDeadLetters } from './dead-letters/queue-dead-letters.ts'
export type { QueueDeadLettersOptions } from './dead-letters/queue-letters-options.ts'
export {
  type StoreDeadLettersOptions,
  storeDeadLetters,
} from './dead-letters/store-dead-letters.ts'
export { directoryStore } from './directory-store.ts'
export type { ListingStore, PayloadStore, SweptStore } from './payload-store.ts'
export type {
  AttributesInput,
  AttributesOutput,
  BatchFailure,
  BatchOutput,
  DeleteBatchInput,
  ReceivedMessage,
  ReceiveInput,
  ReceiveOutput,
  SendBatchInput,
  SendEntry,
  SqsCallOptions,
  SqsClient,
  SqsClientConfig,
  VisibilityBatchInput,
} from './sqs-client.ts'
export type { SqsQueueOptions } from './sqs-options.ts'
export { sqsQueue } from './sqs-queue.ts'
