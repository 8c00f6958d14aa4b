import type { ReceivedMessage } from './sqs-client.ts'
import { IngressRetention, type IngressRetentionOptions } from './sqs-ingress-retention.ts'
import type { ReadMessage } from './sqs-read-message.ts'

export interface SqsStraysOptions extends IngressRetentionOptions {
  /** The one whose queue it is. */
  readonly target: string
  /** A record for that target alone stays in the queue. */
  passedOver(target: string): void
}

/**
 * Leaves records in a target's queue that are for another one alone, such as one that is configured no more:
 * neither handed out nor removed, they come again and again, until their target has the queue. On a
 * standard queue they do not grow old meanwhile.
 */
export class SqsStrays {
  readonly #options: SqsStraysOptions
  readonly #retention: IngressRetention

  constructor(options: SqsStraysOptions) {
    this.#options = options
    this.#retention = new IngressRetention(options)
  }

  /** Those that are the target's. */
  async without(
    read: readonly ReadMessage[],
    messages: readonly ReceivedMessage[],
  ): Promise<readonly ReadMessage[]> {
    const { target: own, passedOver } = this.#options
    const strays = new Set<string>()
    for (const { record, messageId } of read) {
      if (record.target === undefined || record.target === own) continue
      passedOver(record.target)
      strays.add(messageId)
    }
    if (strays.size === 0) return read
    const left = messages.filter(({ MessageId = '' }) => strays.has(MessageId))
    this.#retention.look(left)
    await this.#retention.renew(left)
    return read.filter(({ messageId }) => !strays.has(messageId))
  }
}
