import type { Clock, WalError } from '@daybook/core'
import type { PayloadStore } from '../payload-store.ts'
import { sendTouched } from '../sqs-claims.ts'
import type { ReceivedMessage } from '../sqs-client.ts'
import type { SqsSender } from '../sqs-sender.ts'
import { putOf } from './letter-message.ts'

export interface LetterRenewalOptions {
  readonly clock: Clock
  readonly store: PayloadStore | undefined
  readonly sender: SqsSender
  readonly retentionMs: number
  /** Whether what the message says was removed by this process. */
  wasRemoved(message: ReceivedMessage): boolean
  renewed(): void
  report(error: WalError): void
}

/**
 * Sends anew what is older than half of the retention; the pass deletes it then. A crash in between makes two
 * messages of one put. The older of two that one pass sees is not sent anew.
 */
export class LetterRenewal {
  readonly #options: LetterRenewalOptions
  /** Of this pass, by their puts: when those that stay were sent. */
  readonly #sentAt = new Map<string, number>()
  /** Of this pass, by their puts: whether those that were sent anew are durable. */
  readonly #sending = new Map<string, Promise<boolean>>()

  constructor(options: LetterRenewalOptions) {
    this.#options = options
  }

  /** A pass begins. */
  begins(): void {
    this.#sentAt.clear()
    this.#sending.clear()
  }

  /** Answers whether the message may be deleted. */
  async carries(message: ReceivedMessage): Promise<boolean> {
    const { clock, retentionMs, wasRemoved } = this.#options
    if (wasRemoved(message)) return true
    const put = putOf(message)
    const sentAt = Number(message.Attributes?.['SentTimestamp'] ?? 0)
    const another = this.#sentAt.get(put)
    if (another !== undefined && another > sentAt) return true
    if (clock.now() - sentAt < retentionMs / 2) {
      this.#sentAt.set(put, sentAt)
      return false
    }
    const sending = this.#sending.get(put) ?? this.#send(message)
    this.#sending.set(put, sending)
    return sending
  }

  async #send({ Body: body = '' }: ReceivedMessage): Promise<boolean> {
    const { store, sender, renewed, report } = this.#options
    const { durable, error } = await sendTouched(store, sender, { body })
    if (durable === 'yes') {
      renewed()
      return true
    }
    if (error !== undefined) report(error)
    return false
  }
}
