/**
 * The few methods of a client that are used. The `SQS` class of `@aws-sdk/client-sqs` has them; so has
 * the model of `@daybook/adapter-sqs/testing`.
 */
export interface SqsClient {
  /** Of it, how often the client tries each call; once, where it does not say. */
  readonly config?: SqsClientConfig
  sendMessageBatch(input: SendBatchInput, options?: SqsCallOptions): Promise<BatchOutput>
  receiveMessage(input: ReceiveInput, options?: SqsCallOptions): Promise<ReceiveOutput>
  deleteMessageBatch(input: DeleteBatchInput, options?: SqsCallOptions): Promise<BatchOutput>
  changeMessageVisibilityBatch(
    input: VisibilityBatchInput,
    options?: SqsCallOptions,
  ): Promise<BatchOutput>
  getQueueAttributes(input: AttributesInput, options?: SqsCallOptions): Promise<AttributesOutput>
}

/** The methods that a client has to have. */
export const clientMethods = [
  'sendMessageBatch',
  'receiveMessage',
  'deleteMessageBatch',
  'changeMessageVisibilityBatch',
  'getQueueAttributes',
] as const

/** What is read of a client's own configuration. */
export interface SqsClientConfig {
  readonly maxAttempts?: number | (() => Promise<number>)
}

/** How a call is given up. */
export interface SqsCallOptions {
  readonly abortSignal?: AbortSignal
}

/** One message of a batch to send. */
export interface SendEntry {
  Id: string
  MessageBody: string
  DelaySeconds?: number
  MessageGroupId?: string
  MessageDeduplicationId?: string
}

/** Up to ten messages to send. */
export interface SendBatchInput {
  QueueUrl: string
  Entries: SendEntry[]
}

/** What became of a batch, entry by entry. */
export interface BatchOutput {
  /** Of it, at which of the client's tries the service answered. */
  $metadata?: { readonly attempts?: number | undefined } | undefined
  Successful?: { Id: string | undefined; SequenceNumber?: string | undefined }[] | undefined
  Failed?: BatchFailure[] | undefined
}

/** Why one entry of a batch was refused. */
export interface BatchFailure {
  Id: string | undefined
  Code: string | undefined
  Message?: string | undefined
  SenderFault: boolean | undefined
}

/** A receive, which waits for messages. */
export interface ReceiveInput {
  QueueUrl: string
  MaxNumberOfMessages: number
  WaitTimeSeconds: number
  VisibilityTimeout: number
  MessageSystemAttributeNames: (
    | 'ApproximateReceiveCount'
    | 'SentTimestamp'
    | 'MessageGroupId'
    | 'SequenceNumber'
  )[]
}

/** A message as it is received. */
export interface ReceivedMessage {
  MessageId?: string | undefined
  ReceiptHandle?: string | undefined
  Body?: string | undefined
  Attributes?: Partial<Record<string, string>> | undefined
}

/** What a receive brought: nothing where `Messages` is missing. */
export interface ReceiveOutput {
  Messages?: ReceivedMessage[] | undefined
}

/** Up to ten messages to delete. */
export interface DeleteBatchInput {
  QueueUrl: string
  Entries: { Id: string; ReceiptHandle: string }[]
}

/** Up to ten messages whose visibility is to change. */
export interface VisibilityBatchInput {
  QueueUrl: string
  Entries: { Id: string; ReceiptHandle: string; VisibilityTimeout: number }[]
}

/** Which queue is asked for its attributes. */
export interface AttributesInput {
  QueueUrl: string
  AttributeNames: ('All' | 'ApproximateNumberOfMessages')[]
}

/** Attributes of a queue, by their names. */
export interface AttributesOutput {
  Attributes?: Partial<Record<string, string>> | undefined
}
