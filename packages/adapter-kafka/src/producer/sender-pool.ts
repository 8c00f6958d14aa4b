import type { KafkaClient, KafkaSender } from '../kafka-client.ts'

/** The right to one call of a sender. It ends with one of these. */
export interface SenderLease {
  readonly sender: Promise<KafkaSender>
  /** It has stored what it was given. */
  done(): void
  /**
   * It has sent nothing of that. It is given up where it has stored nothing else in the meantime either: then it may be
   * the sender that stands still.
   */
  unsent(): void
  /** The sender is out of step: it is given up, and the next call has a new one. */
  discard(): void
}

interface Pooled {
  readonly sender: Promise<KafkaSender>
  isDiscarded: boolean
  /** Calls under way: it is closed only after them, for their answers may still come. */
  uses: number
  /** Calls that ended well. */
  stored: number
}

/** The sender that is in use, made when it is needed and after each that had to be given up. */
export class SenderPool {
  readonly #client: KafkaClient
  #current: Pooled | undefined
  readonly #closing = new Set<Promise<void>>()

  constructor(client: KafkaClient) {
    this.#client = client
  }

  lease(): SenderLease {
    this.#current ??= { sender: this.#client.sender(), isDiscarded: false, uses: 0, stored: 0 }
    const pooled = this.#current
    pooled.uses++
    const { stored } = pooled
    return {
      sender: pooled.sender,
      done: () => {
        pooled.stored++
        this.#release(pooled)
      },
      unsent: () => {
        if (pooled.stored === stored) this.#discard(pooled)
        this.#release(pooled)
      },
      discard: () => {
        this.#discard(pooled)
        this.#release(pooled)
      },
    }
  }

  async close(): Promise<void> {
    const current = this.#current
    if (current) {
      this.#discard(current)
      if (current.uses === 0) this.#close(current)
    }
    await Promise.all(this.#closing)
  }

  #discard(pooled: Pooled): void {
    pooled.isDiscarded = true
    if (this.#current === pooled) this.#current = undefined
  }

  #release(pooled: Pooled): void {
    pooled.uses--
    if (pooled.uses === 0 && pooled.isDiscarded) this.#close(pooled)
  }

  #close({ sender }: Pooled): void {
    const closing = sender
      .then((opened) => opened.close())
      .catch(() => {})
      .finally(() => this.#closing.delete(closing))
    this.#closing.add(closing)
  }
}
