import type { Clock, Timer, WalError } from '@daybook/core'
import type { SqsCalls } from './sqs-calls.ts'
import { sendTouched } from './sqs-claims.ts'
import type { ReceivedMessage } from './sqs-client.ts'
import type { SqsEndings } from './sqs-endings.ts'
import { sqsError } from './sqs-errors.ts'
import type { Held, HeldMessages } from './sqs-held.ts'
import { MessageCalls } from './sqs-message-calls.ts'
import type { SqsSettings } from './sqs-options.ts'
import type { SqsSender } from './sqs-sender.ts'

export interface SqsRetentionOptions {
  readonly settings: SqsSettings
  /** How long the queue keeps a message, in ms; Infinity where it does not say so. */
  readonly retentionMs: number
  readonly clock: Clock
  readonly calls: SqsCalls
  readonly sender: SqsSender
  readonly held: HeldMessages
  readonly endings: SqsEndings
  /** How long nothing was pulled, in ms; 0 while something is. */
  unpulledMs(): number
  /** The oldest has waited so long. Once, until it has waited for less than half of the retention. */
  atRisk(waitedMs: number): void
  report(error: WalError): void
}

const mostBetweenMs = 60_000
/** A message is not hidden for longer than twelve hours from when it was received. Fixed by the service. */
const longestHeldMs = 11 * 3_600_000

/**
 * SQS removes messages by their age alone. This tells, at half of the retention, of records that still
 * wait. On a standard queue it also sends them anew by then, those that are held and those that nobody
 * pulls. On a FIFO queue it cannot: a copy would stand behind its key.
 */
export class SqsRetention {
  readonly #options: SqsRetentionOptions
  readonly #messages: MessageCalls
  readonly #betweenMs: number
  #timer: Timer | undefined
  /** When what nobody pulls is looked at next, by the monotonic clock. */
  #looksAt = 0
  #isAtRisk = false
  #isClosed = false

  constructor(options: SqsRetentionOptions) {
    this.#options = options
    this.#messages = new MessageCalls({ ...options.settings, calls: options.calls })
    this.#betweenMs = Math.min(mostBetweenMs, options.retentionMs / 20)
    this.#watch()
  }

  close(): void {
    this.#isClosed = true
    this.#timer?.cancel()
  }

  #watch(): void {
    const { clock, endings } = this.#options
    if (this.#isClosed) return
    const look = (): void => {
      void endings.follow(this.#look()).finally(() => this.#watch())
    }
    this.#timer = clock.setTimer(this.#betweenMs, look, { unref: true })
  }

  async #look(): Promise<void> {
    const { settings, retentionMs, clock, held, unpulledMs, report } = this.#options
    this.#tell(held.all().reduce((most, { sentAt }) => Math.max(most, this.#age(sentAt)), 0))
    if (settings.isFifo) return
    await Promise.all(
      held
        .all()
        .filter((one) => this.#mustRenew(one))
        .map((one) => this.#renew(one)),
    )
    // Seldom, since each look counts as a hand-out of what it finds.
    const now = clock.monotonic()
    if (unpulledMs() < this.#betweenMs || now < this.#looksAt) return
    this.#looksAt = now + retentionMs / 20
    try {
      while (!this.#isClosed && (await this.#renewUnpulled()));
    } catch (cause) {
      report(sqsError('Records that wait in the queue were not sent anew', cause).error)
    }
  }

  #tell(waitedMs: number): void {
    const wasAtRisk = this.#isAtRisk
    this.#isAtRisk = this.#isOld(waitedMs)
    if (this.#isAtRisk && !wasAtRisk) this.#options.atRisk(waitedMs)
  }

  /** Not what has only just come: it is about to be applied. */
  #mustRenew({ sentAt, receivedAt, state }: Held): boolean {
    const heldMs = this.#options.clock.monotonic() - receivedAt
    const isOld = this.#isOld(this.#age(sentAt)) && heldMs >= this.#betweenMs
    return state !== 'ending' && (isOld || heldMs >= longestHeldMs)
  }

  /** What core has of it is void: the copy comes like any other message. */
  #renew(one: Held): Promise<void> {
    const { held, endings } = this.#options
    if (one.state === 'leased') held.lose(one.lease)
    else held.remove(one)
    return endings.sendAnew(one)
  }

  /**
   * While a target is down nobody pulls, and what waits in the queue grows old unseen. Of the oldest, which
   * SQS tends to give first, takes some and sends them anew. True if there may be more.
   */
  async #renewUnpulled(): Promise<boolean> {
    const { sender, settings, report } = this.#options
    const messages = await this.#messages.receive(0, settings.visibilityMs)
    const isOld = ({ Attributes }: ReceivedMessage): boolean =>
      this.#isOld(this.#age(Number(Attributes?.['SentTimestamp'] ?? Number.POSITIVE_INFINITY)))
    const old = messages.filter(isOld)
    const copied: ReceivedMessage[] = []
    // Of one whose body the store cannot touch, nothing is sent: it comes again.
    await Promise.allSettled(
      old.map(async (message) => {
        const body = message.Body ?? ''
        const { durable, error } = await sendTouched(settings.store, sender, { body })
        if (durable === 'yes') copied.push(message)
        else if (error !== undefined) report(error)
      }),
    )
    if (copied.length > 0) {
      await this.#messages.delete(copied.map(({ ReceiptHandle = '' }) => ReceiptHandle))
    }
    await this.#giveBack(messages.filter((message) => !copied.includes(message)))
    return copied.length > 0
  }

  async #giveBack(messages: readonly ReceivedMessage[]): Promise<void> {
    if (messages.length === 0) return
    await this.#messages.hide(
      messages.map(({ ReceiptHandle: receipt = '' }) => ({ receipt, seconds: 0 })),
    )
  }

  #age(sentAt: number): number {
    return this.#options.clock.now() - sentAt
  }

  #isOld(ageMs: number): boolean {
    return ageMs >= this.#options.retentionMs / 2
  }
}
