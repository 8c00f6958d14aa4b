import { type Clock, type SendOutcome, type Timer, WalError } from '@daybook/core'
import type { KafkaMessage, KafkaPlace } from '../kafka-client.ts'
import { isRefusal, kafkaError } from '../kafka-errors.ts'
import { bytesOf } from '../kafka-message.ts'
import type { SenderPool } from './sender-pool.ts'

/** How a pipe sends. */
export interface PipeOptions {
  readonly clock: Clock
  readonly lingerMs: number
  readonly batchBytes: number
  readonly sendTimeoutMs: number
}

interface Waiting {
  readonly message: KafkaMessage
  readonly bytes: number
  readonly settle: (outcome: SendOutcome) => void
}

/**
 * The way into one partition. One batch is on its way at a time, for two of them may change places;
 * what comes meanwhile is the next batch.
 */
export class PartitionPipe {
  readonly #place: KafkaPlace
  readonly #senders: SenderPool
  readonly #options: PipeOptions
  readonly #waiting: Waiting[] = []
  #waitingBytes = 0
  #isSending = false
  #linger: Timer | undefined

  constructor(place: KafkaPlace, senders: SenderPool, options: PipeOptions) {
    this.#place = place
    this.#senders = senders
    this.#options = options
  }

  get isIdle(): boolean {
    return !this.#isSending && this.#waiting.length === 0
  }

  /** Resolves with what became of the message. `bytes`, where they have been counted already. */
  send(message: KafkaMessage, bytes = bytesOf(message)): Promise<SendOutcome> {
    return new Promise((settle) => {
      this.#waiting.push({ message, bytes, settle })
      this.#waitingBytes += bytes
      this.#flow()
    })
  }

  #flow(): void {
    if (this.#isSending || this.#waiting.length === 0) return
    const { lingerMs, clock, batchBytes } = this.#options
    if (lingerMs > 0 && this.#waitingBytes < batchBytes) {
      this.#linger ??= clock.setTimer(lingerMs, () => this.#start())
      return
    }
    // What the caller sends in the same breath goes along.
    this.#isSending = true
    queueMicrotask(() => this.#start())
  }

  #start(): void {
    this.#linger?.cancel()
    this.#linger = undefined
    this.#isSending = true
    void this.#sendBatch(this.#nextBatch()).then(() => {
      this.#isSending = false
      this.#flow()
    })
  }

  #nextBatch(): readonly Waiting[] {
    let bytes = 0
    let count = 0
    for (const waiting of this.#waiting) {
      if (count > 0 && bytes + waiting.bytes > this.#options.batchBytes) break
      bytes += waiting.bytes
      count++
    }
    this.#waitingBytes -= bytes
    return this.#waiting.splice(0, count)
  }

  async #sendBatch(batch: readonly Waiting[]): Promise<void> {
    const outcome = await this.#outcomeOf(batch.map(({ message }) => message))
    for (const { settle } of batch) settle(outcome)
  }

  async #outcomeOf(messages: readonly KafkaMessage[]): Promise<SendOutcome> {
    const { topic, partition } = this.#place
    const what = `Sending to ${topic}, partition ${partition}`
    let isSent = false
    const giveUp = new AbortController()
    const lease = this.#senders.lease()
    try {
      const sender = await this.#within(lease.sender)
      isSent = true
      await this.#within(sender.send(this.#place, messages, giveUp.signal))
      lease.done()
      return { durable: 'yes' }
    } catch (error) {
      // Others may still use the sender, and it would go on trying: behind what comes next.
      giveUp.abort()
      const isKnown = !isSent || isRefusal(error)
      // The numbers of an idempotent producer may be out of step now: the next record could be
      // taken for a repeat of this one, and be lost. One that did not open would never do so.
      lease.discard()
      const cause = error instanceof WalError ? error : kafkaError(what, error)
      return { durable: isKnown ? 'no' : 'unknown', error: cause }
    }
  }

  /** Rejects once the time is up, whatever the client still tries. */
  #within<T>(work: Promise<T>): Promise<T> {
    const { clock, sendTimeoutMs } = this.#options
    return new Promise((resolve, reject) => {
      const timer = clock.setTimer(sendTimeoutMs, () => {
        const { topic, partition } = this.#place
        const text = `${topic}, partition ${partition}, gave no answer for ${sendTimeoutMs} ms. It may be stored or not.`
        reject(new WalError('ERR_IO', text, { retryable: true }))
      })
      void work.then(resolve, reject).finally(() => timer.cancel())
    })
  }
}
