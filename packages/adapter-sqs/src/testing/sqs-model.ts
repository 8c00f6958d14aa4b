import type { Clock } from '@daybook/core'
import type {
  AttributesInput,
  AttributesOutput,
  BatchOutput,
  DeleteBatchInput,
  ReceivedMessage,
  ReceiveInput,
  ReceiveOutput,
  SendBatchInput,
  SqsCallOptions,
  SqsClient,
  VisibilityBatchInput,
} from '../sqs-client.ts'
import { SqsModelQueue, type SqsModelQueueOptions } from './sqs-model-queue.ts'
import { refuse } from './sqs-refusal.ts'
import { SqsTroubles, type SqsTroublesOptions } from './sqs-troubles.ts'

/** How often a receive that waits looks again, by the model's clock, in ms. */
const lookAgainMs = 50

/**
 * SQS in memory, strict: it does what the service's manual says of standard and FIFO queues, and
 * refuses what the manual forbids, also where emulators are lax. Time is the clock's, so that a test
 * can let 14 days go by. A queue whose name ends in `.fifo` is one.
 *
 * As of the service, an aborted receive still takes messages, which come again when their visibility
 * has run out.
 */
export class SqsModel implements SqsClient {
  readonly #clock: Clock
  readonly #troubles: SqsTroubles | undefined
  readonly #queues = new Map<string, SqsModelQueue>()

  /** `troubles`: what the service does seldom, and may do at any time; none by default. */
  constructor({
    clock,
    troubles,
  }: { readonly clock: Clock; readonly troubles?: SqsTroublesOptions }) {
    this.#clock = clock
    this.#troubles = troubles && new SqsTroubles(troubles)
  }

  /** How many messages so far came, or will come, once more than they had to: see `SqsTroublesOptions.repeated`. */
  get repeated(): number {
    return this.#troubles?.repeated ?? 0
  }

  /** Makes a queue, and answers its URL. */
  createQueue(name: string, options: SqsModelQueueOptions = {}): string {
    const url = `https://sqs.model/000000000000/${name}`
    this.#queues.set(url, new SqsModelQueue(name, this.#clock, options, this.#troubles))
    return url
  }

  /** As many messages as lie in the queue, visible or not. */
  size(url: string): number {
    const { attributes } = { attributes: this.#queue(url).attributes() }
    const counts = ['', 'NotVisible', 'Delayed'].map((kind) =>
      Number(attributes[`ApproximateNumberOfMessages${kind}`]),
    )
    return counts.reduce((sum, count) => sum + count, 0)
  }

  async sendMessageBatch(input: SendBatchInput, options?: SqsCallOptions): Promise<BatchOutput> {
    const queue = this.#begin(input, options)
    const bytes = input.Entries.reduce((sum, e) => sum + Buffer.byteLength(e.MessageBody), 0)
    if (bytes > 1_048_576) throw refuse('BatchRequestTooLong', `${bytes} bytes in one batch`)
    return this.#perEntry(input.Entries, (entry) => ({ SequenceNumber: queue.send(entry) }))
  }

  async receiveMessage(input: ReceiveInput, options?: SqsCallOptions): Promise<ReceiveOutput> {
    const queue = this.#queue(input.QueueUrl)
    checkRange('MaxNumberOfMessages', input.MaxNumberOfMessages, 1, 10)
    checkRange('WaitTimeSeconds', input.WaitTimeSeconds, 0, 20)
    checkRange('VisibilityTimeout', input.VisibilityTimeout, 0, 43_200)
    this.#troubles?.throttle()
    const received = this.#poll(queue, input)
    const { abortSignal } = options ?? {}
    if (abortSignal === undefined) return received
    return new Promise((resolve, reject) => {
      const abort = (): void => reject(refuse('AbortError', 'Request aborted'))
      if (abortSignal.aborted) abort()
      abortSignal.addEventListener('abort', abort, { once: true })
      received.then(resolve, reject)
    })
  }

  async deleteMessageBatch(
    input: DeleteBatchInput,
    options?: SqsCallOptions,
  ): Promise<BatchOutput> {
    const queue = this.#begin(input, options)
    return this.#perEntry(input.Entries, ({ ReceiptHandle }) => queue.delete(ReceiptHandle))
  }

  async changeMessageVisibilityBatch(
    input: VisibilityBatchInput,
    options?: SqsCallOptions,
  ): Promise<BatchOutput> {
    const queue = this.#begin(input, options)
    return this.#perEntry(input.Entries, ({ ReceiptHandle, VisibilityTimeout }) =>
      queue.changeVisibility(ReceiptHandle, VisibilityTimeout),
    )
  }

  async getQueueAttributes(input: AttributesInput): Promise<AttributesOutput> {
    const QueueArn = `arn:aws:sqs:model:000000000000:${input.QueueUrl.split('/').at(-1)}`
    return { Attributes: { ...this.#queue(input.QueueUrl).attributes(), QueueArn } }
  }

  async #poll(queue: SqsModelQueue, input: ReceiveInput): Promise<ReceiveOutput> {
    const { MaxNumberOfMessages, WaitTimeSeconds, VisibilityTimeout } = input
    const until = this.#clock.monotonic() + WaitTimeSeconds * 1_000
    for (;;) {
      const visibilityMs = VisibilityTimeout * 1_000
      const Messages = queue.receive(MaxNumberOfMessages, visibilityMs, WaitTimeSeconds > 0)
      if (Messages.length > 0) return { Messages: Messages.map((one) => asAsked(one, input)) }
      const leftMs = until - this.#clock.monotonic()
      if (leftMs <= 0) return {}
      await new Promise<void>((resolve) => {
        this.#clock.setTimer(Math.min(leftMs, lookAgainMs), resolve)
      })
    }
  }

  /** The checks that every batch goes through. */
  #begin(
    { QueueUrl, Entries }: { QueueUrl: string; Entries: readonly { Id: string }[] },
    options: SqsCallOptions | undefined,
  ): SqsModelQueue {
    if (options?.abortSignal?.aborted) throw refuse('AbortError', 'Request aborted')
    if (Entries.length === 0) throw refuse('EmptyBatchRequest', 'No entries')
    if (Entries.length > 10) throw refuse('TooManyEntriesInBatchRequest', 'More than 10 entries')
    const ids = new Set(Entries.map(({ Id }) => Id))
    if (ids.size < Entries.length) throw refuse('BatchEntryIdsNotDistinct', 'Ids repeat')
    for (const id of ids) {
      if (!/^[\w-]{1,80}$/.test(id)) throw refuse('InvalidBatchEntryId', `'${id}'`)
    }
    this.#troubles?.throttle()
    return this.#queue(QueueUrl)
  }

  #perEntry<T extends { Id: string }>(
    entries: readonly T[],
    run: (entry: T) => { SequenceNumber?: string } | void,
  ): BatchOutput {
    const Successful: NonNullable<BatchOutput['Successful']> = []
    const Failed: NonNullable<BatchOutput['Failed']> = []
    for (const entry of entries) {
      try {
        this.#troubles?.failEntry()
        Successful.push({ Id: entry.Id, ...run(entry) })
      } catch (error) {
        const { name, message, $fault } = error as ReturnType<typeof refuse>
        const SenderFault = $fault === 'client'
        Failed.push({ Id: entry.Id, Code: name, Message: message, SenderFault })
      }
    }
    return { Successful, Failed }
  }

  #queue(url: string): SqsModelQueue {
    const queue = this.#queues.get(url)
    if (queue === undefined) throw refuse('QueueDoesNotExist', `There is no queue ${url}`)
    return queue
  }
}

function checkRange(name: string, value: number, least: number, most: number): void {
  if (Number.isInteger(value) && value >= least && value <= most) return
  throw refuse('InvalidParameterValue', `${name} ${value} is not from ${least} to ${most}`)
}

/** A message comes with those of its attributes that were asked for. */
function asAsked(message: ReceivedMessage, input: ReceiveInput): ReceivedMessage {
  const names = new Set<string>(input.MessageSystemAttributeNames)
  const asked = Object.entries(message.Attributes ?? {}).filter(([name]) => names.has(name))
  return { ...message, Attributes: asked.length > 0 ? Object.fromEntries(asked) : undefined }
}
