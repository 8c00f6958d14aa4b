import { type Clock, type DeadLetterQueue, systemClock, WalError } from '@daybook/core'
import { lackingMethod, type PayloadStore, payloadStoreMethods } from '../payload-store.ts'
import { clientMethods, type SqsClient } from '../sqs-client.ts'
import { checkUrl, shown } from '../sqs-url.ts'

/** How {@link queueDeadLetters} is set up. */
export interface QueueDeadLettersOptions {
  /** The `SQS` class of `@aws-sdk/client-sqs`, or anything with these methods. */
  readonly client: SqsClient
  /** URL of a standard queue for the letters of one namespace, with a retention of 14 days and no redrive policy. */
  readonly queueUrl: string
  /**
   * Where letters go that are too large for a message, compressed as they are. Without it they lose their history
   * but for the last attempt, and are refused where that does not suffice. It must not expire what was touched or
   * put within 15 days.
   */
  readonly store?: PayloadStore | undefined
  /** What the names in the `store` begin with, such as `dead-letters/titles/`. Needed with a `store`. */
  readonly prefix?: string | undefined
  /** Most letters that one look holds, 1 to 10,000; default 1,000. */
  readonly maxLetters?: number | undefined
  /** Longest that one look takes, in ms, 2,000 to 60,000; default 20,000. */
  readonly maxLookMs?: number | undefined
  /** Time-out of a call, in ms, the wait of a receive apart, 100 to 600,000; default 10,000. */
  readonly requestTimeoutMs?: number | undefined
  /** Time-out of the `store`, for one body, in ms, 100 to 600,000; default 60,000. */
  readonly storeTimeoutMs?: number | undefined
  /** Told of what fails in the background. */
  readonly onError?: ((error: WalError) => void) | undefined
  /** Told of each letter that was sent anew. */
  readonly onRenewed?: (() => void) | undefined
  /** Default the machine's. */
  readonly clock?: Clock | undefined
}

/** The options with their defaults, and what a queue that brings its letters knows. */
export interface QueueLettersSettings {
  readonly client: SqsClient
  readonly queueUrl: string
  readonly store: PayloadStore | undefined
  /** The name of a body in the store; undefined where there is none. */
  readonly claimName: ((tail: string) => string) | undefined
  readonly maxLetters: number
  readonly maxLookMs: number
  readonly requestTimeoutMs: number
  readonly storeTimeoutMs: number
  readonly clock: Clock
  /** The targets of the namespace, where they are known: for records that SQS itself moves here. */
  readonly targets: readonly string[]
  /** Where what lies in the queue is moved to, instead of being renewed. */
  readonly movesTo?: DeadLetterQueue | undefined
  report(error: WalError): void
  renewed(): void
}

const names: Readonly<Record<keyof QueueDeadLettersOptions, true>> = {
  ...{ client: true, queueUrl: true, store: true, prefix: true, maxLetters: true },
  ...{ maxLookMs: true, requestTimeoutMs: true, storeTimeoutMs: true, onError: true },
  ...{ onRenewed: true, clock: true },
}

/** Checks the options and fills in the defaults. Throws `ERR_CONFIG`. */
export function resolveLetterOptions(options: QueueDeadLettersOptions): QueueLettersSettings {
  if (typeof options !== 'object' || options === null) {
    throw new WalError(
      'ERR_CONFIG',
      'queueDeadLetters: give an object of options, with a `client`.',
    )
  }
  for (const name of Object.keys(options)) {
    if (!Object.hasOwn(names, name)) throw wrong(name, 'is no option of it')
  }
  const { client, queueUrl, store, prefix, onError, onRenewed, clock = systemClock } = options
  const lacking = lackingMethod(client, clientMethods)
  if (lacking !== undefined) {
    throw wrong('client', `has no ${lacking}(); pass new SQS(…), not new SQSClient(…)`)
  }
  checkLettersUrl(queueUrl, (reason) => wrong('queueUrl', reason))
  if (store !== undefined) {
    const lackingOfStore = lackingMethod(store, payloadStoreMethods)
    if (lackingOfStore !== undefined) throw wrong(`store.${lackingOfStore}`, 'must be a function')
    if (typeof prefix !== 'string') throw wrong('prefix', 'must be a text where there is a `store`')
  }
  for (const [name, value] of Object.entries({ onError, onRenewed })) {
    if (value === undefined || typeof value === 'function') continue
    throw wrong(name, 'must be a function')
  }
  const range = (
    name: keyof QueueDeadLettersOptions,
    usual: number,
    least: number,
    most: number,
  ) => {
    const value = options[name] ?? usual
    if (Number.isInteger(value) && Number(value) >= least && Number(value) <= most) {
      return Number(value)
    }
    throw wrong(name, `must be from ${least} to ${most}, a whole number, and is ${shown(value)}`)
  }
  return Object.freeze({
    ...{ client, queueUrl, store, clock, targets: [] },
    claimName: store && ((tail: string) => `${prefix}${tail}`),
    maxLetters: range('maxLetters', defaultLook.maxLetters, 1, 10_000),
    maxLookMs: range('maxLookMs', defaultLook.maxLookMs, 2_000, 60_000),
    requestTimeoutMs: range('requestTimeoutMs', 10_000, 100, 600_000),
    storeTimeoutMs: range('storeTimeoutMs', 60_000, 100, 600_000),
    report: (error: WalError) => onError?.(error),
    renewed: () => onRenewed?.(),
  })
}

/** Bounds of a look, unless told. */
export const defaultLook = { maxLetters: 1_000, maxLookMs: 20_000 } as const

/** Throws what `wrong` makes of it, unless letters can lie in such a queue. */
export function checkLettersUrl(url: unknown, wrong: (reason: string) => WalError): void {
  checkUrl(url, wrong)
  if (url.endsWith('.fifo')) {
    throw wrong('must be a standard queue: a look at a FIFO queue sees ten letters of a group')
  }
}

function wrong(option: string, reason: string): WalError {
  return new WalError('ERR_CONFIG', `queueDeadLetters: \`${option}\` ${reason}.`)
}
