import { type Clock, type Timer, WalError } from '@daybook/core'
import { lots } from '../sqs-calls.ts'
import type { ReceivedMessage } from '../sqs-client.ts'
import { sqsError } from '../sqs-errors.ts'
import type { MessageCalls } from '../sqs-message-calls.ts'
import type { Turns } from './turns.ts'

/** How long a receive waits: a shorter one asks only some of the servers. In ms. */
export const roundMs = 1_000
/** Receives in a row that brought nothing, after which a queue is taken for seen. */
export const emptyRounds = 2

/** Longest pass, in ms, and how long it hides what it reads: it ends well before the first comes again. */
const longestPassMs = 120_000
const passVisibilityMs = 300_000
/** Fewer than SQS lets be hidden at once: 120,000. Source: "message quotas" in its manual. */
const mostHidden = 100_000
/** Most messages that are remembered to be durable elsewhere though they could not be deleted. */
const mostUndeleted = 100_000
/** When the first pass begins, after opening: a process that does not live for long makes one too. In ms. */
const firstMs = 60_000
/** When the next one begins after one that has not seen all, in ms: calls that wait come first. */
const againMs = 5_000

export interface LetterPassOptions {
  readonly messages: MessageCalls
  readonly clock: Clock
  /** Shared with what else reads the queue in this process: it would see only what a pass does not hide. */
  readonly turns: Turns
  readonly betweenMs: number
  /** Called before each pass, for what else holds messages. */
  begins(): Promise<void>
  /** Called after each pass. */
  ended(): void
  /** Answers whether the message may be deleted, since what it says is durable elsewhere. */
  carries(message: ReceivedMessage): Promise<boolean>
  report(error: WalError): void
}

/**
 * Goes through all messages of a queue at intervals, and shows each to `carries`, once. What that does not take is
 * hidden until the end of the pass, and visible again after it. Two processes at it at once see a part each.
 */
export class LetterPass {
  readonly #options: LetterPassOptions
  /** Ids of messages that are durable elsewhere and could not be deleted: they are not carried once more. */
  readonly #undeleted = new Set<string>()
  #timer: Timer | undefined
  #isClosed = false

  constructor(options: LetterPassOptions) {
    this.#options = options
    this.#passIn(Math.min(firstMs, options.betweenMs))
  }

  /** No pass begins any more; one that is under way ends after its receive. */
  close(): void {
    this.#isClosed = true
    this.#timer?.cancel()
  }

  #passIn(delayMs: number): void {
    const { clock, turns, betweenMs } = this.#options
    if (this.#isClosed) return
    const pass = async (): Promise<void> => {
      const hasMore = await turns.run(() => this.#passOnce())
      this.#passIn(hasMore ? againMs : betweenMs)
    }
    this.#timer = clock.setTimer(delayMs, () => void pass(), { unref: true })
  }

  async #passOnce(): Promise<boolean> {
    if (this.#isClosed) return false
    try {
      return await this.#pass()
    } catch (cause) {
      const { error } = sqsError('Dead letters were not all looked at; that is done again', cause)
      this.#options.report(error)
      return false
    } finally {
      this.#options.ended()
    }
  }

  /** Answers whether there may be more: there was something to carry, and not all was seen. */
  async #pass(): Promise<boolean> {
    const { clock, messages, begins } = this.#options
    await begins()
    const until = clock.monotonic() + longestPassMs
    const hidden: string[] = []
    let carried = 0
    let empty = 0
    const isCut = () => this.#isClosed || clock.monotonic() >= until || hidden.length >= mostHidden
    try {
      while (empty < emptyRounds && !isCut()) {
        const received = await messages.receive(roundMs, passVisibilityMs)
        empty = received.length === 0 ? empty + 1 : 0
        carried += await this.#carry(received, hidden)
      }
    } finally {
      await this.#show(hidden)
    }
    return carried > 0 && empty < emptyRounds
  }

  async #carry(received: readonly ReceivedMessage[], hidden: string[]): Promise<number> {
    const { carries, report } = this.#options
    const done: ReceivedMessage[] = []
    await Promise.all(
      received.map(async (message) => {
        const { MessageId: id = '', ReceiptHandle: receipt = '' } = message
        try {
          if (this.#undeleted.has(id) || (await carries(message))) done.push(message)
          else hidden.push(receipt)
        } catch (cause) {
          hidden.push(receipt)
          report(sqsError('A dead letter stays as it is for now', cause).error)
        }
      }),
    )
    return done.length === 0 ? 0 : this.#delete(done, hidden)
  }

  /** What cannot be deleted is there twice, and one letter when it is listed. Answers how many were deleted. */
  async #delete(done: readonly ReceivedMessage[], hidden: string[]): Promise<number> {
    for (const { MessageId: id = '' } of done) this.#remember(id)
    const receipts = done.map(({ ReceiptHandle: receipt = '' }) => receipt)
    const failed = await this.#options.messages.delete(receipts)
    for (const [at, { MessageId: id = '', ReceiptHandle: receipt = '' }] of done.entries()) {
      if (failed.has(at)) hidden.push(receipt)
      else this.#undeleted.delete(id)
    }
    if (failed.size === 0) return done.length
    const codes = [...new Set(failed.values())].join(', ')
    const text = `${failed.size} messages of dead letters that were sent anew or moved were not deleted: ${codes}. That is done again.`
    this.#options.report(new WalError('ERR_IO', text, { retryable: true }))
    return done.length - failed.size
  }

  #remember(id: string): void {
    this.#undeleted.add(id)
    const [oldest] = this.#undeleted
    if (this.#undeleted.size > mostUndeleted && oldest !== undefined) this.#undeleted.delete(oldest)
  }

  async #show(receipts: readonly string[]): Promise<void> {
    for (const lot of lots(receipts)) {
      await this.#options.messages.hide(lot.map((receipt) => ({ receipt, seconds: 0 })))
    }
  }
}
