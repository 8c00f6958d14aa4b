import { lots } from './sqs-calls.ts'
import type { MessageCalls } from './sqs-message-calls.ts'

interface Waiting {
  readonly receipt: string
  resolve(failure: string | undefined): void
  reject(cause: unknown): void
}

/** Deletes messages one by one as its callers see it, and those of one turn in one call. */
export class SqsDeletions {
  readonly #messages: MessageCalls
  #waiting: Waiting[] = []

  constructor(messages: MessageCalls) {
    this.#messages = messages
  }

  /** Resolves with the code of its failure, if SQS names one. Rejects where the call fails as a whole. */
  delete(receipt: string): Promise<string | undefined> {
    return new Promise((resolve, reject) => {
      if (this.#waiting.length === 0) queueMicrotask(() => this.#deleteAll())
      this.#waiting.push({ receipt, resolve, reject })
    })
  }

  #deleteAll(): void {
    for (const lot of lots(this.#waiting)) void this.#deleteLot(lot)
    this.#waiting = []
  }

  async #deleteLot(lot: readonly Waiting[]): Promise<void> {
    try {
      const failed = await this.#messages.delete(lot.map(({ receipt }) => receipt))
      for (const [at, { resolve }] of lot.entries()) resolve(failed.get(at))
    } catch (cause) {
      for (const { reject } of lot) reject(cause)
    }
  }
}
