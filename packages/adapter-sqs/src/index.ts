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
export { type StoreDeadLettersOptions, storeDeadLetters } from './store-dead-letters.ts'
