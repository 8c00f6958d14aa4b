import {
  type Backlog,
  type Consumer,
  type DeadLetterQueue,
  type Producer,
  type Queue,
  type QueueContext,
  type QueueSupports,
  WalError,
} from '@daybook/core'
import { boundedStore } from './bounded-store.ts'
import { lettersOfNamespace } from './dead-letters/letters-of-namespace.ts'
import { type RememberingStore, rememberingStore } from './remembering-store.ts'
import { SqsCalls } from './sqs-calls.ts'
import { ClaimSweeper } from './sqs-claims.ts'
import { Comebacks } from './sqs-comebacks.ts'
import { SqsConsumer } from './sqs-consumer.ts'
import { SqsForwarder } from './sqs-forwarder.ts'
import { IngressRetention } from './sqs-ingress-retention.ts'
import { SqsMover } from './sqs-mover.ts'
import { resolveOptions, type SqsQueueOptions, type SqsSettings } from './sqs-options.ts'
import { type CheckedQueue, checkApart, placeOfQueue } from './sqs-place.ts'
import { SentCounter, SqsProducer } from './sqs-producer.ts'
import { attributesOf, triesOf } from './sqs-queue-attributes.ts'
import { checkRedrivePolicy, redrivesTo } from './sqs-redrive-policy.ts'
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
  /** With a store that answers in time. */
  readonly settings: SqsSettings
  readonly calls: SqsCalls
  readonly comebacks: Comebacks
  /** How long each queue keeps a message, by its URL, in ms. */
  readonly retentionMs: ReadonlyMap<string, number>
  readonly checked: readonly CheckedQueue[]
  /** As each queue's messages are read from it, by the queue's URL. */
  readonly stores: ReadonlyMap<string, RememberingStore>
  readonly sender: SqsSender
  readonly delaySender: SqsSender | undefined
  /** Into the queues of the targets, where they have their own. */
  readonly targetSenders: ReadonlyMap<string, SqsSender>
}

/** What runs while any consumer is open. */
interface Background {
  readonly mover: SqsMover | undefined
  readonly forwarder: SqsForwarder | undefined
  readonly sweeper: ClaimSweeper | undefined
}

class SqsQueue implements Queue {
  readonly kind: string
  readonly supports: QueueSupports
  readonly #settings: SqsSettings
  readonly #counter = new SentCounter()
  #opened: Opened | undefined
  #isOpening = false
  #background: Background | undefined
  #consumers = 0

  constructor(settings: SqsSettings) {
    const { isFifo, delayQueueUrl, store, maxBodyBytes } = settings
    this.#settings = settings
    this.kind = isFifo ? 'SQS FIFO' : 'SQS standard'
    this.supports = Object.freeze({
      order: isFifo ? 'key' : 'none',
      longestDelayMs: isFifo && delayQueueUrl === undefined ? 0 : Number.POSITIVE_INFINITY,
      largestRecordBytes: store ? largestClaimedBytes : Math.floor(maxBodyBytes * 0.75),
      largestBatchRecords: 200,
      largestBatchBytes: 64 * 2 ** 20,
      replay: false,
      independentReaders: settings.targetQueueUrls !== undefined,
      deadLetterListing: settings.deadLetterStore !== undefined,
      durability: 'replicated',
      shared: true,
      attempts: 'none',
      releaseHoldsKey: isFifo,
      withholdsLeasedKey: isFifo,
    } as const)
  }

  async open(context: QueueContext): Promise<void> {
    if (this.#opened !== undefined || this.#isOpening) {
      const text = `This SQS queue is open already, and "${context.namespace}" would take it from whoever has it; give each an sqsQueue() of its own.`
      throw new WalError('ERR_CONFIG', text)
    }
    this.#isOpening = true
    try {
      this.#opened = await this.#openFor(context)
    } finally {
      this.#isOpening = false
    }
  }

  async #openFor(context: QueueContext): Promise<Opened> {
    const settings = this.#settings
    const { client, queueUrl, delayQueueUrl, senders, maxMessageBytes } = settings
    const calls = new SqsCalls(context.clock, settings.requestTimeoutMs)
    const targetUrls = this.#targetUrls(context)
    const urls = [queueUrl, ...targetUrls.map(([, url]) => url)]
    if (delayQueueUrl !== undefined) urls.push(delayQueueUrl)
    const checked = await Promise.all(urls.map((url) => this.#check(calls, url)))
    const retentionMs = new Map(checked.map((one) => [one.url, one.retentionMs]))
    checkApart(checked)
    const maxTries = await triesOf(settings)
    const common = { client, calls, maxBatchBytes: maxMessageBytes, senders, maxTries }
    const senderOf = (url: string): SqsSender =>
      new SqsSender({ ...common, queueUrl: url, retentionMs: retentionMs.get(url) as number })
    const store =
      settings.store && boundedStore(settings.store, context.clock, settings.storeTimeoutMs)
    return {
      settings: { ...settings, store },
      ...{ context, calls, retentionMs, sender: senderOf(queueUrl) },
      comebacks: new Comebacks(context.clock, settings.visibilityMs),
      checked,
      stores: new Map(store && urls.map((url) => [url, rememberingStore(store)])),
      delaySender: delayQueueUrl === undefined ? undefined : senderOf(delayQueueUrl),
      targetSenders: new Map(targetUrls.map(([target, url]) => [target, senderOf(url)])),
    }
  }

  async producer(): Promise<Producer> {
    const { context, settings, sender, delaySender } = this.#open()
    const { clock } = context
    const counter = this.#counter
    return new SqsProducer({ settings, clock, sender, delaySender, counter })
  }

  async consumer(target: string): Promise<Consumer> {
    const { context, settings, calls, sender, targetSenders, ...opened } = this.#open()
    const ownUrl = settings.targetQueueUrls?.get(target)
    const [only] = context.targets
    if (ownUrl === undefined && target !== only) {
      const message = `The SQS queue is read by '${only}'. Give each target a queue in \`targetQueueUrls\`.`
      throw new WalError('ERR_CONFIG', message)
    }
    const queueUrl = ownUrl ?? settings.queueUrl
    const retentionMs = opened.retentionMs.get(queueUrl) as number
    const store = opened.stores.get(queueUrl)
    this.#consumers++
    this.#background ??= this.#startBackground()
    return new SqsConsumer({
      ...{ settings: { ...settings, queueUrl, store }, clock: context.clock, calls },
      sender: targetSenders.get(target) ?? sender,
      ...{ counter: this.#counter, comebacks: opened.comebacks, retentionMs, target },
      passedOver: (name) => context.passedOver?.(name),
      backlog: () => this.#backlog(ownUrl),
      atRisk: (waitedMs) => context.retentionAtRisk?.({ target, waitedMs, retentionMs }),
      hopped: () => context.delayHopped?.(1),
      report: (error) => context.reportError(error),
      onClose: () => this.#consumerCloses(),
    })
  }

  async deadLetters(): Promise<DeadLetterQueue | undefined> {
    const { context, checked } = this.#open()
    return lettersOfNamespace(this.#settings, context, checked)
  }

  /** In the ingress queue first, and then in that of a target. */
  handsOutForMs(): number {
    const { retentionMs } = this.#open()
    const { queueUrl, targetQueueUrls } = this.#settings
    const ofTargets = [...(targetQueueUrls?.values() ?? [])].map((url) => retentionMs.get(url) ?? 0)
    return (retentionMs.get(queueUrl) as number) + Math.max(0, ...ofTargets)
  }

  storage(): readonly string[] {
    return this.#open().checked.map(({ place }) => place)
  }

  async close(): Promise<void> {
    const opened = this.#opened
    this.#opened = undefined
    await opened?.sender.idle()
    await opened?.delaySender?.idle()
    for (const sender of opened?.targetSenders.values() ?? []) await sender.idle()
  }

  #open(): Opened {
    if (this.#opened !== undefined) return this.#opened
    throw new WalError('ERR_CLOSED', 'The SQS queue is not open.')
  }

  #targetUrls({ targets }: QueueContext): readonly (readonly [string, string])[] {
    const { targetQueueUrls } = this.#settings
    if (targetQueueUrls === undefined) return []
    for (const target of targets) {
      if (targetQueueUrls.has(target)) continue
      throw new WalError('ERR_CONFIG', `\`targetQueueUrls\` has no queue for target '${target}'.`)
    }
    return [...targetQueueUrls].filter(([target]) => targets.includes(target))
  }

  /**
   * Answers how long the queue keeps a message, in ms, and what it is told from others by. Rejects where it does
   * not answer, takes less than it would be sent, or moves messages away by itself.
   */
  async #check(calls: SqsCalls, url: string): Promise<CheckedQueue> {
    const { maxMessageBytes } = this.#settings
    const attributes = await attributesOf(this.#settings, calls, url)
    checkRedrivePolicy(url, attributes['RedrivePolicy'])
    const { MaximumMessageSize: size = '1048576', MessageRetentionPeriod: seconds } = attributes
    const retentionMs = seconds === undefined ? Number.POSITIVE_INFINITY : Number(seconds) * 1_000
    const place = placeOfQueue(url, attributes['QueueArn'])
    if (Number(size) >= maxMessageBytes)
      return { url, place, retentionMs, redrivesTo: redrivesTo(attributes['RedrivePolicy']) }
    const message = `maxMessageBytes is ${maxMessageBytes}, and the queue ${url} takes messages of ${size}: raise its MaximumMessageSize, or lower the option.`
    throw new WalError('ERR_CONFIG', message)
  }

  #startBackground(): Background {
    const { context, settings, calls, sender, delaySender, targetSenders } = this.#open()
    const { retentionMs: all, comebacks, stores } = this.#open()
    const { delayQueueUrl, queueUrl, store } = settings
    const retentionMs = all.get(queueUrl) as number
    const common = { calls, clock: context.clock, report: context.reportError.bind(context) }
    return {
      sweeper: store?.sweep && new ClaimSweeper({ ...common, store, namespace: context.namespace }),
      mover:
        delayQueueUrl !== undefined && delaySender !== undefined
          ? new SqsMover({
              ...common,
              settings: { ...settings, delayQueueUrl },
              hopped: () => context.delayHopped?.(1),
              ...{ sender, delaySender, comebacks },
            })
          : undefined,
      forwarder:
        targetSenders.size > 0
          ? new SqsForwarder({
              ...{ ...common, settings: { ...settings, store: stores.get(queueUrl) } },
              ...{ senders: targetSenders, comebacks },
              passedOver: (target) => context.passedOver?.(target),
              retention: new IngressRetention({
                ...{ ...common, settings, sender, retentionMs },
                // It waits for all of them: one that cannot be written to holds it back from none.
                atRisk: (waitedMs) => {
                  for (const target of targetSenders.keys()) {
                    context.retentionAtRisk?.({ target, waitedMs, retentionMs })
                  }
                },
              }),
            })
          : undefined,
    }
  }

  async #consumerCloses(): Promise<void> {
    this.#consumers--
    if (this.#consumers > 0) return
    const background = this.#background
    this.#background = undefined
    background?.sweeper?.close()
    await background?.mover?.close()
    await background?.forwarder?.close()
  }

  async #backlog(ownUrl: string | undefined): Promise<Backlog> {
    const { calls } = this.#open()
    const settings = this.#settings
    const countOf = async (url: string | undefined) =>
      url === undefined
        ? { pending: 0, delayed: 0 }
        : countsOf(await attributesOf(settings, calls, url))
    const [main, own, companion] = await Promise.all(
      [settings.queueUrl, ownUrl, settings.delayQueueUrl].map(countOf),
    )
    return {
      pending: (main?.pending ?? 0) + (own?.pending ?? 0),
      delayed:
        (main?.delayed ?? 0) +
        (own?.delayed ?? 0) +
        (companion?.pending ?? 0) +
        (companion?.delayed ?? 0),
      oldestWrittenAt: undefined,
      approximate: true,
    }
  }
}

function countsOf(attributes: Partial<Record<string, string>>) {
  const count = (kind: string): number =>
    Number(attributes[`ApproximateNumberOfMessages${kind}`] ?? 0)
  return { pending: count('') + count('NotVisible'), delayed: count('Delayed') }
}
