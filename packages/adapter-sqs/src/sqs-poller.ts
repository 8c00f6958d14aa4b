import type { Clock } from '@daybook/core'
import type { SqsCalls } from './sqs-calls.ts'
import { mostEntries } from './sqs-calls.ts'
import type { ReceivedMessage, SqsClient } from './sqs-client.ts'
import { sqsError } from './sqs-errors.ts'
import { MessageCalls } from './sqs-message-calls.ts'

export interface SqsPollerOptions {
  readonly client: SqsClient
  readonly calls: SqsCalls
  readonly clock: Clock
  readonly queueUrl: string
  readonly waitMs: number
  readonly visibilityMs: number
  /** Most receives at once. */
  readonly receivers: number
  /** True while more is wanted than so many receives that are under way may bring. */
  wants(underWay: number): boolean
  /** `expiresAt`: until when they are ours, by the monotonic clock. */
  accept(messages: readonly ReceivedMessage[], expiresAt: number): void
  failed(error: Error): void
}

/**
 * Receives while something is wanted: one long poll at a time from an idle queue, several from one that
 * has a backlog. A poll is let end, never cut short: one that was aborted still takes messages, which
 * nobody sees until their visibility has run out.
 */
export class SqsPoller {
  readonly #options: SqsPollerOptions
  readonly #messages: MessageCalls
  readonly #polls = new Set<Promise<void>>()
  #wasFull = false
  #isClosed = false

  constructor(options: SqsPollerOptions) {
    this.#options = options
    this.#messages = new MessageCalls(options)
  }

  /** More may be wanted. */
  poke(): void {
    const { wants, receivers } = this.#options
    const most = this.#wasFull ? receivers : 1
    while (!this.#isClosed && this.#polls.size < most && wants(this.#polls.size)) {
      const poll = this.#poll().finally(() => this.#polls.delete(poll))
      this.#polls.add(poll)
    }
  }

  /** Resolves once the last poll has ended. */
  async close(): Promise<void> {
    this.#isClosed = true
    await Promise.all(this.#polls)
  }

  async #poll(): Promise<void> {
    const { clock, waitMs, visibilityMs, accept, failed } = this.#options
    // Counted from before the call: by whatever the answer was late, the lease is shorter.
    const expiresAt = clock.monotonic() + visibilityMs
    try {
      const messages = await this.#messages.receive(waitMs, visibilityMs)
      this.#wasFull = messages.length === mostEntries
      accept(messages, expiresAt)
      // Once this poll is no longer counted.
      queueMicrotask(() => queueMicrotask(() => this.poke()))
    } catch (cause) {
      this.#wasFull = false
      failed(sqsError('SQS did not answer a receive', cause).error)
    }
  }
}
