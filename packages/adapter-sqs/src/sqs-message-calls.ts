import { mostEntries, type SqsCalls } from './sqs-calls.ts'
import type { BatchOutput, ReceivedMessage, ReceiveInput, SqsClient } from './sqs-client.ts'

/** What became of each entry that failed: its place in what was asked, and the code of its failure. */
export type FailedEntries = ReadonlyMap<number, string>

type SystemAttributes = ReceiveInput['MessageSystemAttributeNames']

/** The calls about messages that lie in one queue, each for at most ten of them. */
export class MessageCalls {
  readonly #client: SqsClient
  readonly #calls: SqsCalls
  readonly #queueUrl: string
  /** What is asked of each message beside its body: it is sent, hashed and read with each. */
  readonly #attributes: SystemAttributes

  constructor({
    client,
    calls,
    queueUrl,
  }: {
    readonly client: SqsClient
    readonly calls: SqsCalls
    readonly queueUrl: string
  }) {
    this.#client = client
    this.#calls = calls
    this.#queueUrl = queueUrl
    const ofFifo: SystemAttributes = queueUrl.endsWith('.fifo') ? ['MessageGroupId'] : []
    this.#attributes = ['ApproximateReceiveCount', 'SentTimestamp', ...ofFifo]
  }

  /** Takes at most ten, and waits so long for the first. */
  async receive(waitMs: number, visibilityMs: number): Promise<readonly ReceivedMessage[]> {
    const { Messages = [] } = await this.#calls.run(
      (options) =>
        this.#client.receiveMessage(
          {
            QueueUrl: this.#queueUrl,
            MaxNumberOfMessages: mostEntries,
            WaitTimeSeconds: waitMs / 1_000,
            VisibilityTimeout: visibilityMs / 1_000,
            MessageSystemAttributeNames: this.#attributes,
          },
          options,
        ),
      waitMs,
    )
    return Messages
  }

  async delete(receipts: readonly string[]): Promise<FailedEntries> {
    const Entries = receipts.map((ReceiptHandle, at) => ({ Id: String(at), ReceiptHandle }))
    const input = { QueueUrl: this.#queueUrl, Entries }
    return failedOf(
      await this.#calls.run((options) => this.#client.deleteMessageBatch(input, options)),
    )
  }

  /** Hides each for so many seconds from now; 0 shows it to others. */
  async hide(
    messages: readonly { readonly receipt: string; readonly seconds: number }[],
  ): Promise<FailedEntries> {
    const Entries = messages.map(({ receipt, seconds }, at) => ({
      ...{ Id: String(at), ReceiptHandle: receipt, VisibilityTimeout: seconds },
    }))
    const input = { QueueUrl: this.#queueUrl, Entries }
    return failedOf(
      await this.#calls.run((options) => this.#client.changeMessageVisibilityBatch(input, options)),
    )
  }
}

function failedOf({ Failed = [] }: BatchOutput): FailedEntries {
  return new Map(Failed.map(({ Id, Code }) => [Number(Id), Code ?? 'unknown']))
}
