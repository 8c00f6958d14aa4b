import type { SqsCalls } from './sqs-calls.ts'
import type { SqsClient } from './sqs-client.ts'
import { sqsError } from './sqs-errors.ts'

/** How often the client tries each call: its own retries are left to it, and counted. */
export async function triesOf({ client }: { readonly client: SqsClient }): Promise<number> {
  const { maxAttempts = 1 } = client.config ?? {}
  return typeof maxAttempts === 'function' ? await maxAttempts() : maxAttempts
}

/** A queue's attributes, by their names. Rejects where it does not answer. */
export async function attributesOf(
  { client }: { readonly client: SqsClient },
  calls: SqsCalls,
  queueUrl: string,
): Promise<Partial<Record<string, string>>> {
  try {
    const { Attributes = {} } = await calls.run((options) =>
      client.getQueueAttributes({ QueueUrl: queueUrl, AttributeNames: ['All'] }, options),
    )
    return Attributes
  } catch (cause) {
    throw sqsError(`The queue ${queueUrl} does not answer`, cause).error
  }
}
