import { createHash, randomBytes } from 'node:crypto'
import {
  type Clock,
  type DeadLetterPageOptions,
  type DeadLetterQueue,
  type DeadLetterSummary,
  type StoredDeadLetter,
  type StoredDeadLetterPage,
  WalError,
} from '@daybook/core'
import { boundedStore } from '../bounded-store.ts'
import type { PayloadStore } from '../payload-store.ts'
import { SqsCalls } from '../sqs-calls.ts'
import type { ReceivedMessage } from '../sqs-client.ts'
import { MessageCalls } from '../sqs-message-calls.ts'
import { attributesOf, triesOf } from '../sqs-queue-attributes.ts'
import { SqsSender } from '../sqs-sender.ts'
import { type Found, LetterLook } from './letter-look.ts'
import {
  type LetterElsewhere,
  letterBody,
  readLetter,
  type StampedLetter,
  stampOf,
} from './letter-message.ts'
import { LetterPass } from './letter-pass.ts'
import { checkLetterQueue, type LetterQueueFacts } from './letter-queue-facts.ts'
import { LetterRenewal } from './letter-renewal.ts'
import { matchesFilter } from './matches-filter.ts'
import { OtherNamespaces } from './other-namespaces.ts'
import {
  type QueueDeadLettersOptions,
  type QueueLettersSettings,
  resolveLetterOptions,
} from './queue-letters-options.ts'
import { Turns } from './turns.ts'

/** Most batches of letters sent at once. */
const senders = 4

/** How often letters are moved into a store, in ms. */
const movesEachMs = 3_600_000

/**
 * Dead letters in an SQS queue of their own, for whoever has no store. SQS cannot list what lies in a queue, so
 * that all but `put` goes by bounded looks: see the README. What waits is sent anew at half of the retention, while
 * a process has a wal open with them. Throws `ERR_CONFIG` for options that are wrong; `createWal` rejects with it where the
 * queue cannot be used for this.
 */
export function queueDeadLetters(options: QueueDeadLettersOptions): DeadLetterQueue {
  return new QueueDeadLetters(resolveLetterOptions(options))
}

/** What stands once the queue has answered. */
interface Opened extends LetterQueueFacts {
  readonly sender: SqsSender
  readonly pass: LetterPass
}

export class QueueDeadLetters implements DeadLetterQueue {
  readonly supports = { listing: false, counts: false } as const
  readonly #settings: QueueLettersSettings
  readonly #clock: Clock
  readonly #calls: SqsCalls
  readonly #messages: MessageCalls
  readonly #store: PayloadStore | undefined
  readonly #turns = new Turns()
  readonly #others: OtherNamespaces
  readonly #look: LetterLook
  /** Whose letters these are; undefined where nobody said. */
  #namespace: string | undefined
  readonly #putting = new Set<Promise<void>>()
  #opening: Promise<Opened> | undefined
  #lastMicros = 0
  #closing: Promise<void> | undefined

  constructor(settings: QueueLettersSettings) {
    const { clock, client, queueUrl, store, storeTimeoutMs, report } = settings
    this.#settings = settings
    this.#others = new OtherNamespaces(queueUrl, report)
    this.#clock = clock
    this.#calls = new SqsCalls(clock, settings.requestTimeoutMs)
    this.#messages = new MessageCalls({ client, queueUrl, calls: this.#calls })
    this.#store = store && boundedStore(store, clock, storeTimeoutMs)
    this.#look = new LetterLook({
      ...{ ...settings, messages: this.#messages, clock, turns: this.#turns },
      others: this.#others,
      read: (message) => this.#read(message),
      size: () => this.#size(),
      checkOpen: () => this.#checkOpen(),
      dropBody: async (claim) => this.#store?.delete(claim),
    })
  }

  /** Rejects unless the queue is there and can hold letters, and they are of one namespace. */
  async open({ namespace }: { readonly namespace: string }): Promise<LetterQueueFacts> {
    if (this.#namespace !== undefined && this.#namespace !== namespace) {
      const text = `The dead letters in ${this.#settings.queueUrl} are those of namespace '${this.#namespace}', and were given to '${namespace}' as well. Give each a queueDeadLetters() with a queue of its own.`
      throw new WalError('ERR_CONFIG', text)
    }
    this.#namespace = namespace
    return this.#ready()
  }

  async #ready(): Promise<Opened> {
    this.#checkOpen()
    this.#opening ??= this.#open()
    try {
      return await this.#opening
    } catch (error) {
      this.#opening = undefined
      throw error
    }
  }

  async put(letters: readonly StoredDeadLetter[]): Promise<void> {
    this.#checkOpen()
    const putting = this.#put(letters).finally(() => this.#putting.delete(putting))
    this.#putting.add(putting)
    return putting
  }

  async list(options: DeadLetterPageOptions): Promise<StoredDeadLetterPage> {
    const { limit = 100, after } = options
    checkPage(limit, after)
    await this.#ready()
    const { value, hasUnseen } = await this.#look.letters({ goesOn: after !== undefined })
    const found = value.filter(
      ({ stamp, letter }) => stamp > (after ?? '') && matchesFilter(letter, options),
    )
    const page = found.slice(0, limit)
    return {
      letters: page.map(({ letter }) => letter),
      next: found.length > limit ? page.at(-1)?.stamp : undefined,
      ...(hasUnseen ? { cut: true } : {}),
    }
  }

  async get(id: string): Promise<StoredDeadLetter | undefined> {
    await this.#ready()
    const found = await this.#look.find(id)
    if (found.value === undefined && !this.#look.isGone(id)) this.#checkSeen(id, found)
    return found.value?.letter
  }

  async remove(ids: readonly string[]): Promise<number> {
    await this.#ready()
    const wanted = [...new Set(ids)]
    const removed = await this.#look.remove(wanted)
    // Of what was removed before, nothing is missing.
    const missing = wanted.find((id) => !this.#look.isGone(id))
    if (missing !== undefined) this.#checkSeen(missing, removed)
    return removed.value
  }

  async removeIfSeen(ids: readonly string[]): Promise<void> {
    this.#checkOpen()
    // Not before what was put just now: its stamp may be ahead of the clock.
    const atMicros = Math.max(this.#lastMicros, Math.floor(this.#clock.now() * 1_000))
    await this.#look.removeIfSeen(ids, atMicros)
  }

  /** Those that one look finds. */
  async *summaries(): AsyncIterable<DeadLetterSummary> {
    await this.#ready()
    const { value } = await this.#look.letters({ goesOn: false })
    for (const { letter } of value) {
      const { id: recordId, key, attemptEpoch, version } = letter.record
      yield { id: letter.id, recordId, target: letter.target, key, attemptEpoch, version }
    }
  }

  async count(): Promise<ReadonlyMap<string, number>> {
    this.#checkOpen()
    const text = `SQS cannot count the dead letters in ${this.#settings.queueUrl} by their targets. List them, or keep them in a store (\`deadLetterStore\`).`
    throw new WalError('ERR_NOT_SUPPORTED', text)
  }

  close(): Promise<void> {
    this.#closing ??= this.#close()
    return this.#closing
  }

  async #open(): Promise<Opened> {
    const { client, queueUrl, report, movesTo } = this.#settings
    const attributes = await attributesOf(this.#settings, this.#calls, queueUrl)
    const facts = checkLetterQueue(this.#settings, attributes)
    const maxTries = await triesOf(this.#settings)
    this.#checkOpen()
    const { retentionMs, maxBytes } = facts
    const common = { client, queueUrl, calls: this.#calls, retentionMs, senders, maxTries }
    const sender = new SqsSender({ ...common, maxBatchBytes: maxBytes })
    const renewal = new LetterRenewal({
      ...{ ...this.#settings, store: this.#store, sender, retentionMs },
      wasRemoved: (message) => this.#look.wasRemoved(message),
    })
    const pass = new LetterPass({
      ...{ messages: this.#messages, clock: this.#clock, turns: this.#turns, report },
      // Ten times in the second half, so that a queue which a pass does not see to the end is seen in time.
      betweenMs: movesTo === undefined ? retentionMs / 20 : movesEachMs,
      begins: () => {
        renewal.begins()
        return this.#look.end()
      },
      ended: () => this.#others.tell(),
      carries: (message) =>
        movesTo === undefined ? renewal.carries(message) : this.#moves(message, movesTo, renewal),
    })
    return { ...facts, sender, pass }
  }

  async #put(letters: readonly StoredDeadLetter[]): Promise<void> {
    const { maxBytes, sender } = await this.#ready()
    const { claimName } = this.#settings
    // All of them first: of letters that are refused together none is sent.
    const bodies = await Promise.all(
      letters.map((letter) => {
        const stamped: StampedLetter = { stamp: this.#stamp(), letter }
        const nameOf = claimName && ((stamp: string) => claimName(`${hash(letter.id)}.${stamp}`))
        return letterBody(stamped, { maxBytes, claimName: nameOf, namespace: this.#namespace })
      }),
    )
    const outcomes = await Promise.all(
      bodies.map(async ({ body, stored }) => {
        if (stored !== undefined) await this.#store?.put(stored.name, stored.bytes)
        return sender.send({ body })
      }),
    )
    this.#look.put(letters.map(({ id }) => id))
    const failed = outcomes.find(({ durable }) => durable !== 'yes')
    if (failed === undefined) return
    const { error } = failed
    const text = `Dead letters may not be in the queue ${this.#settings.queueUrl}. ${error?.message ?? ''}`
    throw new WalError(error?.code ?? 'ERR_IO', text, { retryable: true, cause: error })
  }

  /**
   * One that is there already is the same, or newer. Its body in the store is left to the sweep of that. What is of
   * another namespace stays, and is renewed: nobody may have that namespace open.
   */
  async #moves(
    message: ReceivedMessage,
    into: DeadLetterQueue,
    renewal: LetterRenewal,
  ): Promise<boolean> {
    const read = await this.#read(message)
    if ('elsewhere' in read) {
      this.#others.passedOver(read.elsewhere)
      return renewal.carries(message)
    }
    const { letter } = read
    if ((await into.get(letter.id)) === undefined) await into.put([letter])
    return true
  }

  #read(message: ReceivedMessage): Promise<StampedLetter | LetterElsewhere> {
    const { targets } = this.#settings
    return readLetter(message, { store: this.#store, targets, namespace: this.#namespace })
  }

  async #size(): Promise<number> {
    const attributes = await attributesOf(this.#settings, this.#calls, this.#settings.queueUrl)
    return ['', 'NotVisible', 'Delayed'].reduce(
      (sum, kind) => sum + Number(attributes[`ApproximateNumberOfMessages${kind}`] ?? 0),
      0,
    )
  }

  /** Grows along the puts of this process, and among processes as far as their clocks agree. */
  #stamp(): string {
    this.#lastMicros = Math.max(this.#lastMicros + 1, Math.floor(this.#clock.now() * 1_000))
    return stampOf(this.#lastMicros, randomBytes(4).toString('hex'))
  }

  /** Throws where a letter that was not found may be there. */
  #checkSeen(id: string, { isCut, hasUnseen }: Found<unknown>): void {
    if (!hasUnseen) return
    const { maxLetters, maxLookMs, queueUrl } = this.#settings
    if (!isCut) {
      const text = `Whether the queue ${queueUrl} has dead letter ${id} cannot be told: SQS counts messages in it that others hold, or that could not be read. They come to be visible again within minutes; try again.`
      throw new WalError('ERR_DEAD_LETTERS_UNSEEN', text, { retryable: true })
    }
    const text = `Whether the queue ${queueUrl} has dead letter ${id} cannot be told: a look at it ended at ${maxLetters} letters or ${maxLookMs} ms, and had not seen all. Redrive or discard others first, raise \`maxLetters\` or \`maxLookMs\`, or keep dead letters in a store (\`deadLetterStore\`).`
    throw new WalError('ERR_NOT_SUPPORTED', text)
  }

  #checkOpen(): void {
    if (this.#closing !== undefined)
      throw new WalError('ERR_CLOSED', 'The dead letters are closed.')
  }

  async #close(): Promise<void> {
    const opened = await this.#opening?.catch(() => undefined)
    opened?.pass.close()
    await Promise.allSettled(this.#putting)
    await this.#turns.run(() => this.#look.end())
    await opened?.sender.idle()
  }
}

function checkPage(limit: number, after: string | undefined): void {
  if (!Number.isInteger(limit) || limit < 1 || limit > 1_000) {
    throw new WalError('ERR_INVALID_SELECTION', `A page has 1 to 1,000 letters, not ${limit}.`)
  }
  if (after === undefined || /^\d{17}-\w{0,12}$/.test(after)) return
  throw new WalError('ERR_INVALID_SELECTION', `No page gave '${after}'.`)
}

function hash(id: string): string {
  return createHash('sha256').update(id).digest('base64url')
}
