import type { Clock, WalError } from '@daybook/core'
import type { SqsCalls } from './sqs-calls.ts'
import { sendTouched } from './sqs-claims.ts'
import type { ReceivedMessage } from './sqs-client.ts'
import { sqsError } from './sqs-errors.ts'
import { MessageCalls } from './sqs-message-calls.ts'
import type { SqsSettings } from './sqs-options.ts'
import type { SqsSender } from './sqs-sender.ts'

export interface IngressRetentionOptions {
  /** Of the ingress queue. */
  readonly settings: SqsSettings
  /** How long the ingress queue keeps a message, in ms; Infinity where it does not say so. */
  readonly retentionMs: number
  readonly clock: Clock
  readonly calls: SqsCalls
  /** Into the ingress queue itself. */
  readonly sender: SqsSender
  /** A record has waited there for half of the retention, or longer. */
  atRisk(waitedMs: number): void
  report(error: WalError): void
}

/**
 * Watches over what grows old in a queue that is copied from: what stands there for long is what cannot be
 * copied. At half of the retention it tells of it; on a standard queue it also sends anew what could not
 * be copied. On a FIFO queue it cannot: a copy would stand behind its key.
 */
export class IngressRetention {
  readonly #options: IngressRetentionOptions
  readonly #messages: MessageCalls
  /** Told again from then on, by the monotonic clock. */
  #tellsAt = 0

  constructor(options: IngressRetentionOptions) {
    this.#options = options
    this.#messages = new MessageCalls({ ...options.settings, calls: options.calls })
  }

  /** Looks at what was received. */
  look(messages: readonly ReceivedMessage[]): void {
    const { retentionMs, clock, atRisk } = this.#options
    const waitedMs = Math.max(...messages.map((message) => this.#age(message)))
    const now = clock.monotonic()
    if (waitedMs < retentionMs / 2 || now < this.#tellsAt) return
    this.#tellsAt = now + retentionMs / 20
    atRisk(waitedMs)
  }

  /** These could not be copied, and are still ours. Never rejects. */
  async renew(messages: readonly ReceivedMessage[]): Promise<void> {
    const { settings, retentionMs, report } = this.#options
    if (settings.isFifo) return
    const old = messages.filter((message) => this.#age(message) >= retentionMs / 2)
    try {
      await Promise.all(old.map((message) => this.#renew(message)))
    } catch (cause) {
      report(sqsError('A message that was sent anew may be copied twice', cause).error)
    }
  }

  /** Sent before it is deleted: should that fail, it is there twice rather than not at all. */
  async #renew({ Body: body = '', ReceiptHandle: receipt = '' }: ReceivedMessage): Promise<void> {
    const { settings, sender, report } = this.#options
    const { durable, error } = await sendTouched(settings.store, sender, { body })
    if (durable === 'yes') await this.#messages.delete([receipt])
    else if (error !== undefined) report(error)
  }

  #age({ Attributes }: ReceivedMessage): number {
    const sentAt = Number(Attributes?.['SentTimestamp'] ?? Number.POSITIVE_INFINITY)
    return this.#options.clock.now() - sentAt
  }
}
