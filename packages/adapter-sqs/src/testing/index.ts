export { SqsModel } from './sqs-model.ts'
export type { SqsModelQueueOptions } from './sqs-model-queue.ts'
export type { SqsTroublesOptions } from './sqs-troubles.ts'
