import type { Clock, Timer } from '@daybook/core'
import type { ReceivedMessage } from './sqs-client.ts'
import type { MessageCalls } from './sqs-message-calls.ts'
import { hasClaim } from './sqs-read-message.ts'

export interface HidingOptions {
  readonly messages: readonly ReceivedMessage[]
  readonly calls: MessageCalls
  readonly clock: Clock
  readonly visibilityMs: number
  /** When their visibility runs out, by the monotonic clock. */
  readonly expiresAt: number
}

/**
 * Keeps messages hidden from others while the store is asked for what they name, which may take longer than
 * their visibility: they would come again and again, and never be read in time. Where they name nothing it
 * does nothing.
 */
export class Hiding {
  readonly #options: HidingOptions
  #messages: readonly ReceivedMessage[]
  #expiresAt: number
  #timer: Timer | undefined
  #renewing: Promise<void> | undefined
  #isEnded = false

  constructor(options: HidingOptions) {
    this.#options = options
    this.#messages = options.messages
    this.#expiresAt = options.expiresAt
    if (options.messages.some(hasClaim)) this.#watch()
  }

  /** Until when they are ours, by the monotonic clock. */
  get expiresAt(): number {
    return this.#expiresAt
  }

  /** That message is deleted. */
  forget(messageId: string): void {
    this.#messages = this.#messages.filter(({ MessageId }) => MessageId !== messageId)
  }

  /** Resolves once no call is under way that would hide them longer. */
  async end(): Promise<void> {
    this.#isEnded = true
    this.#timer?.cancel()
    await this.#renewing
  }

  #watch(): void {
    const { clock, visibilityMs } = this.#options
    if (this.#isEnded || clock.monotonic() >= this.#expiresAt) return
    const renew = (): void => {
      this.#renewing = this.#renew()
      void this.#renewing.then(() => this.#watch())
    }
    this.#timer = clock.setTimer(visibilityMs / 3, renew)
  }

  /** What fails is tried again while there is time. Never rejects. */
  async #renew(): Promise<void> {
    const { calls, clock, visibilityMs } = this.#options
    const expiresAt = clock.monotonic() + visibilityMs
    const seconds = visibilityMs / 1_000
    const all = this.#messages.map(({ ReceiptHandle: receipt = '' }) => ({ receipt, seconds }))
    if (all.length === 0) return
    const failed = await calls.hide(all).catch(() => undefined)
    if (failed?.size === 0) this.#expiresAt = expiresAt
  }
}

/**
 * Parts what one receive brought: what can be read at once, and by itself each group, or on a standard queue
 * each message, for which the store has to be asked. So one that the store is slow with holds up no other.
 */
export function partedByStore(
  messages: readonly ReceivedMessage[],
): readonly (readonly ReceivedMessage[])[] {
  if (!messages.some(hasClaim)) return messages.length > 0 ? [messages] : []
  const groups = Map.groupBy(
    messages,
    (message) => message.Attributes?.['MessageGroupId'] ?? message,
  )
  const { slow = [], quick = [] } = Object.groupBy(groups.values(), (group) =>
    group.some(hasClaim) ? 'slow' : 'quick',
  )
  return quick.length > 0 ? [quick.flat(), ...slow] : slow
}
