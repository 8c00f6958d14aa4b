import { WalError } from '@daybook/core'
import { checkLettersUrl } from './dead-letters/queue-letters-options.ts'
import {
  type ListingStore,
  lackingMethod,
  listingStoreMethods,
  type PayloadStore,
  payloadStoreMethods,
} from './payload-store.ts'
import type { RememberingStore } from './remembering-store.ts'
import { clientMethods, type SqsClient } from './sqs-client.ts'
import { triedBytes } from './sqs-envelope.ts'
import { checkUrl, shown } from './sqs-url.ts'

/** How {@link sqsQueue} is set up. */
export interface SqsQueueOptions {
  /** The `SQS` class of `@aws-sdk/client-sqs`, or anything with these methods. */
  readonly client: SqsClient
  /** URL of the queue. One whose name ends in `.fifo` keeps the order of each key. */
  readonly queueUrl: string
  /**
   * URL of a standard queue in which the delayed records of a FIFO queue wait, for a FIFO queue takes no
   * delay per message. Without it such a queue has no delays. A standard queue needs none.
   */
  readonly delayQueueUrl?: string | undefined
  /**
   * URLs of the queues of the targets, by their names, where a namespace has several: what is written
   * into `queueUrl` is copied into each of them. All are of the same kind as `queueUrl`, and no two the same.
   */
  readonly targetQueueUrls?: Readonly<Record<string, string>> | undefined
  /**
   * Where the bodies go that are too large for a message. Without it such records are refused.
   */
  readonly store?: PayloadStore | undefined
  /**
   * Where the dead letters go: SQS itself cannot list. Without it and without `deadLetterQueueUrl` the namespace
   * needs `deadLetters`.
   */
  readonly deadLetterStore?: ListingStore | undefined
  /**
   * URL of a standard queue for the dead letters of this namespace alone, with a retention of 14 days. They can then
   * be looked at in part only, see the README; with a `deadLetterStore` as well they go there, and what lies in
   * the queue is moved there.
   */
  readonly deadLetterQueueUrl?: string | undefined
  /**
   * Largest message, in bytes, from 1,024 to 1,048,576; default 262,144, which every queue takes. The
   * service takes 1 MiB where the queue's `MaximumMessageSize` says so. A payload grows by a third. Of it
   * 160 bytes are kept free on a standard queue, for the attempts of a record that is sent anew.
   */
  readonly maxMessageBytes?: number | undefined
  /**
   * Lease of a message, renewed at each third while it is held; whole seconds in ms, at least one and a
   * half times `waitMs`, and at most 21,600,000 (6 hours), since SQS hides a message for 12 hours at most. Default 30,000.
   */
  readonly visibilityMs?: number | undefined
  /**
   * How long a receive waits for messages, whole seconds in ms, 1,000 to 20,000; default 5,000. Longer
   * costs fewer calls; closing takes as long, since a receive cut short would still take messages. 20 seconds are SQS's own limit.
   */
  readonly waitMs?: number | undefined
  /** Time-out of a call, in ms, the wait of a receive apart, 100 to 600,000; default 10,000. */
  readonly requestTimeoutMs?: number | undefined
  /** Time-out of the `store`, for one body, in ms, 100 to 600,000; default 60,000. */
  readonly storeTimeoutMs?: number | undefined
  /**
   * Most receives at once while there is a backlog, 1 to 50; default 8, on a FIFO queue 4. An idle queue has
   * one. On a FIFO queue the deletions under way count too, and what came since they began. That paces
   * receiving while acks go on; it does not bound what is held: of a target that takes its time, and acks
   * nothing meanwhile, as much is held as core asks for, and those groups are kept from every other consumer.
   */
  readonly receivers?: number | undefined
  /** Most batches sent at once, 1 to 50; default 8. */
  readonly senders?: number | undefined
}

/** The options with their defaults. */
export interface SqsSettings {
  readonly client: SqsClient
  readonly queueUrl: string
  readonly delayQueueUrl: string | undefined
  /** Undefined where `queueUrl` is read by the one target itself. */
  readonly targetQueueUrls: ReadonlyMap<string, string> | undefined
  readonly store: RememberingStore | undefined
  readonly deadLetterStore: ListingStore | undefined
  readonly deadLetterQueueUrl: string | undefined
  readonly isFifo: boolean
  readonly maxMessageBytes: number
  /** Largest body of a record that is written: what it takes to note its attempts still fits. */
  readonly maxBodyBytes: number
  readonly visibilityMs: number
  readonly waitMs: number
  readonly requestTimeoutMs: number
  readonly storeTimeoutMs: number
  readonly receivers: number
  readonly senders: number
}

/** By option, whether it may be given: what is not here is no option. */
const names: Readonly<Record<keyof SqsQueueOptions, true>> = {
  ...{ client: true, queueUrl: true, delayQueueUrl: true, targetQueueUrls: true },
  ...{
    store: true,
    deadLetterStore: true,
    deadLetterQueueUrl: true,
    maxMessageBytes: true,
    visibilityMs: true,
    waitMs: true,
  },
  ...{ requestTimeoutMs: true, storeTimeoutMs: true, receivers: true, senders: true },
}

/**
 * SQS hides a message for at most twelve hours from its receive, and refuses a renewal that would go beyond:
 * the first, at half of this at the latest, has to stay within.
 */
const longestVisibilityMs = 6 * 3_600_000

/** Checks the options and fills in the defaults. Throws `ERR_CONFIG`. */
export function resolveOptions(options: SqsQueueOptions): SqsSettings {
  checkShapes(options)
  const { client, queueUrl, delayQueueUrl, deadLetterQueueUrl, store } = options
  for (const method of clientMethods) {
    if (typeof client?.[method] === 'function') continue
    throw wrong('client', `has no ${method}(); pass new SQS(…), not new SQSClient(…)`)
  }
  const isFifo = queueUrl.endsWith('.fifo')
  if (delayQueueUrl !== undefined && !isFifo) {
    throw wrong('delayQueueUrl', 'is for FIFO queues; a standard queue delays by itself')
  }
  if (delayQueueUrl?.endsWith('.fifo')) throw wrong('delayQueueUrl', 'must be a standard queue')
  const targetQueueUrls =
    options.targetQueueUrls && new Map(Object.entries(options.targetQueueUrls))
  // Of two that read one queue, each would get a part of what is meant for both.
  const takenBy = new Map([[queueUrl, 'queueUrl']])
  if (delayQueueUrl !== undefined) takenBy.set(delayQueueUrl, 'delayQueueUrl')
  if (deadLetterQueueUrl !== undefined) {
    const other = takenBy.get(deadLetterQueueUrl)
    if (other !== undefined)
      throw wrong('deadLetterQueueUrl', `must be another queue than \`${other}\``)
    takenBy.set(deadLetterQueueUrl, 'deadLetterQueueUrl')
  }
  for (const [target, url] of targetQueueUrls ?? []) {
    const option = `targetQueueUrls.${target}`
    const other = takenBy.get(url)
    if (other !== undefined) throw wrong(option, `must be another queue than \`${other}\``)
    if (url.endsWith('.fifo') !== isFifo) throw wrong(option, 'must be of the kind of `queueUrl`')
    takenBy.set(url, option)
  }
  const range = (name: keyof SqsQueueOptions, usual: number, least: number, most: number) => {
    const value = options[name] ?? usual
    if (Number.isInteger(value) && Number(value) >= least && Number(value) <= most) {
      return Number(value)
    }
    throw wrong(name, `must be from ${least} to ${most}, a whole number, and is ${shown(value)}`)
  }
  const maxMessageBytes = range('maxMessageBytes', 262_144, 1_024, 1_048_576)
  const visibilityMs = seconds(range('visibilityMs', 30_000, 1_000, longestVisibilityMs))
  const waitMs = seconds(range('waitMs', 5_000, 1_000, 20_000))
  // A lease counts from before the receive, so that one which waited long would be over as it begins.
  if (visibilityMs < waitMs * 1.5) {
    throw wrong('visibilityMs', `must be at least one and a half times \`waitMs\`, ${waitMs}`)
  }
  return Object.freeze({
    ...{ client, queueUrl, delayQueueUrl, targetQueueUrls, store, isFifo },
    ...{ deadLetterStore: options.deadLetterStore, deadLetterQueueUrl },
    ...{ maxMessageBytes, visibilityMs, waitMs },
    // On a FIFO queue nothing is sent anew.
    maxBodyBytes: isFifo ? maxMessageBytes : maxMessageBytes - triedBytes,
    requestTimeoutMs: range('requestTimeoutMs', 10_000, 100, 600_000),
    storeTimeoutMs: range('storeTimeoutMs', 60_000, 100, 600_000),
    receivers: range('receivers', isFifo ? 4 : 8, 1, 50),
    senders: range('senders', 8, 1, 50),
  })
}

/** What would otherwise show as a bare TypeError, or not at all. */
function checkShapes(options: SqsQueueOptions): void {
  if (typeof options !== 'object' || options === null) {
    throw new WalError('ERR_CONFIG', 'sqsQueue: give an object of options, with a `client`.')
  }
  for (const name of Object.keys(options)) {
    if (!Object.hasOwn(names, name)) throw wrong(name, 'is no option of it')
  }
  const { queueUrl, delayQueueUrl, targetQueueUrls, store, deadLetterStore } = options
  const { deadLetterQueueUrl } = options
  checkUrlOf('queueUrl', queueUrl)
  if (deadLetterQueueUrl !== undefined) {
    checkLettersUrl(deadLetterQueueUrl, (reason) => wrong('deadLetterQueueUrl', reason))
  }
  if (delayQueueUrl !== undefined) checkUrlOf('delayQueueUrl', delayQueueUrl)
  if (targetQueueUrls !== undefined) {
    const isObject = typeof targetQueueUrls === 'object' && targetQueueUrls !== null
    const urls = isObject ? Object.entries(targetQueueUrls) : []
    if (urls.length === 0) throw wrong('targetQueueUrls', 'must give each target a queue')
    for (const [target, url] of urls) checkUrlOf(`targetQueueUrls.${target}`, url)
  }
  if (store !== undefined) {
    // One that sweeps what was only not touched would remove what is needed.
    const sweeps = store?.sweep === undefined ? [] : ['touch', 'sweep']
    checkStore('store', store, [...payloadStoreMethods, ...sweeps])
  }
  if (deadLetterStore === undefined) return
  checkStore('deadLetterStore', deadLetterStore, listingStoreMethods)
}

function checkUrlOf(option: string, url: unknown): void {
  checkUrl(url, (reason) => wrong(option, reason))
}

function checkStore(option: string, store: unknown, methods: readonly string[]): void {
  const lacking = lackingMethod(store, methods)
  if (lacking !== undefined) throw wrong(`${option}.${lacking}`, 'must be a function')
}

function seconds(ms: number): number {
  return Math.ceil(ms / 1_000) * 1_000
}

function wrong(option: string, reason: string): WalError {
  return new WalError('ERR_CONFIG', `sqsQueue: \`${option}\` ${reason}.`)
}
