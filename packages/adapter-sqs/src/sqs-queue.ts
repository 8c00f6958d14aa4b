import {
  type Backlog,
  type Clock,
  type Consumer,
  type DeadLetterQueue,
  type Producer,
  type Queue,
  type QueueContext,
  type QueueSupports,
  WalError,
} from '@daybook/core'
import { SqsCalls } from './sqs-calls.ts'
import { SqsConsumer } from './sqs-consumer.ts'
import { sqsError } from './sqs-errors.ts'
import { SqsMover } from './sqs-mover.ts'
import { resolveOptions, type SqsQueueOptions, type SqsSettings } from './sqs-options.ts'
import { SentCounter, SqsProducer } from './sqs-producer.ts'
import { SqsSender } from './sqs-sender.ts'

/** Largest record where a store takes what is too large for a message, in bytes. */
const largestClaimedBytes = 64 * 2 ** 20

/**
 * An Amazon SQS queue, standard or FIFO, as the durable queue of a namespace. Many processes may share
 * it. A FIFO queue keeps the order of each key (its `MessageGroupId` is a hash of the key); a standard
 * one keeps none, and `order: 'none'` has to be said.
 *
 * Throws `ERR_CONFIG` for options that are wrong; `createWal` rejects with it where the queue cannot
 * be reached.
 */
export function sqsQueue(options: SqsQueueOptions): Queue {
  return new SqsQueue(resolveOptions(options))
}

/** What opening brings. */
interface Opened {
  readonly context: QueueContext
  readonly calls: SqsCalls
  readonly sender: SqsSender
  readonly delaySender: SqsSender | undefined
}

class SqsQueue implements Queue {
  readonly kind: string
  readonly supports: QueueSupports
  readonly #settings: SqsSettings
  readonly #counter = new SentCounter()
  #opened: Opened | undefined

  constructor(settings: SqsSettings) {
    const { isFifo, delayQueueUrl, store, maxMessageBytes } = settings
    this.#settings = settings
    this.kind = isFifo ? 'SQS FIFO' : 'SQS standard'
    this.supports = Object.freeze({
      order: isFifo ? 'key' : 'none',
      longestDelayMs: isFifo && delayQueueUrl === undefined ? 0 : Number.POSITIVE_INFINITY,
      largestRecordBytes: store ? largestClaimedBytes : Math.floor(maxMessageBytes * 0.75),
      largestBatchRecords: 200,
      largestBatchBytes: 64 * 2 ** 20,
      replay: false,
      independentReaders: false,
      deadLetterListing: false,
      durability: 'replicated',
      shared: true,
      attempts: 'none',
      releaseHoldsKey: isFifo,
      withholdsLeasedKey: isFifo,
    } as const)
  }

  async open(context: QueueContext): Promise<void> {
    const settings = this.#settings
    const calls = new SqsCalls(context.clock, settings.requestTimeoutMs)
    const attributes = await attributesOf(settings, calls, settings.queueUrl)
    const { MaximumMessageSize: size = '1048576' } = attributes
    if (Number(size) < settings.maxMessageBytes) {
      const message = `maxMessageBytes is ${settings.maxMessageBytes}, and the queue ${settings.queueUrl} takes messages of ${size}: raise its MaximumMessageSize, or lower the option.`
      throw new WalError('ERR_CONFIG', message)
    }
    const { delayQueueUrl } = settings
    if (delayQueueUrl !== undefined) await attributesOf(settings, calls, delayQueueUrl)
    const { client, senders, maxMessageBytes: maxBatchBytes } = settings
    const senderOf = (queueUrl: string): SqsSender =>
      new SqsSender({ client, calls, queueUrl, maxBatchBytes, senders })
    this.#opened = {
      ...{ context, calls, sender: senderOf(settings.queueUrl) },
      delaySender: delayQueueUrl === undefined ? undefined : senderOf(delayQueueUrl),
    }
  }

  async producer(): Promise<Producer> {
    const { context, sender, delaySender } = this.#open()
    const { clock } = context
    const counter = this.#counter
    return new SqsProducer({ settings: this.#settings, clock, sender, delaySender, counter })
  }

  async consumer(target: string): Promise<Consumer> {
    const { context, calls, sender } = this.#open()
    const [only] = context.targets
    if (target !== only) {
      throw new WalError('ERR_CONFIG', `An SQS queue has one reader, and that is '${only}'.`)
    }
    const report = (error: WalError): void => context.reportError(error)
    const mover = this.#mover(context.clock, report)
    return new SqsConsumer({
      ...{ settings: this.#settings, clock: context.clock, calls, sender, report },
      counter: this.#counter,
      backlog: () => this.#backlog(),
      onClose: async () => mover?.close(),
    })
  }

  /** SQS cannot list what lies in a queue: the namespace has to be given dead letters elsewhere. */
  async deadLetters(): Promise<DeadLetterQueue | undefined> {
    return undefined
  }

  async close(): Promise<void> {
    const opened = this.#opened
    this.#opened = undefined
    await opened?.sender.idle()
    await opened?.delaySender?.idle()
  }

  #open(): Opened {
    if (this.#opened !== undefined) return this.#opened
    throw new WalError('ERR_CLOSED', 'The SQS queue is not open.')
  }

  #mover(clock: Clock, report: (error: WalError) => void): SqsMover | undefined {
    const { calls, sender, delaySender } = this.#open()
    const { delayQueueUrl } = this.#settings
    if (delayQueueUrl === undefined || delaySender === undefined) return undefined
    const settings = { ...this.#settings, delayQueueUrl }
    return new SqsMover({ settings, clock, calls, sender, delaySender, report })
  }

  async #backlog(): Promise<Backlog> {
    const { calls } = this.#open()
    const settings = this.#settings
    const { queueUrl, delayQueueUrl } = settings
    const main = countsOf(await attributesOf(settings, calls, queueUrl))
    const companion = delayQueueUrl && countsOf(await attributesOf(settings, calls, delayQueueUrl))
    const delayed = main.delayed + (companion ? companion.pending + companion.delayed : 0)
    return { pending: main.pending, delayed, oldestWrittenAt: undefined, approximate: true }
  }
}

async function attributesOf(
  { client }: SqsSettings,
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

function countsOf(attributes: Partial<Record<string, string>>) {
  const count = (kind: string): number =>
    Number(attributes[`ApproximateNumberOfMessages${kind}`] ?? 0)
  return { pending: count('') + count('NotVisible'), delayed: count('Delayed') }
}
