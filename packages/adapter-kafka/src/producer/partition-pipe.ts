import { type SendOutcome, type Timer, WalError } from '@daybook/core'
import type { KafkaMessage, KafkaPlace } from '../kafka-client.ts'
import { isRefusal, kafkaError, UnsentError } from '../kafka-errors.ts'
import { bytesOf } from '../kafka-message.ts'
import { BatchLimit, type BatchLimitOptions } from './batch-limit.ts'
import type { SenderPool } from './sender-pool.ts'

/** How a pipe sends. */
export interface PipeOptions extends BatchLimitOptions {
  readonly lingerMs: number
  readonly sendTimeoutMs: number
}

/** What became of a batch: all of it or nothing of it was stored, so there is one outcome. */
export type BatchOutcome = Promise<readonly [SendOutcome]>

/** Messages that are sent together. */
class Batch {
  readonly messages: KafkaMessage[] = []
  bytes = 0
  readonly outcome: BatchOutcome
  settle!: (outcome: readonly [SendOutcome]) => void

  constructor() {
    this.outcome = new Promise((resolve) => {
      this.settle = resolve
    })
  }
}

/**
 * The way into one partition. One batch is on its way at a time, for two of them may change places;
 * what comes meanwhile is the next batch.
 */
export class PartitionPipe {
  readonly #place: KafkaPlace
  readonly #senders: SenderPool
  readonly #options: PipeOptions
  /** In the order in which they go. Only the last one takes more. */
  readonly #waiting: Batch[] = []
  #isSending = false
  #linger: Timer | undefined
  readonly #limit: BatchLimit

  constructor(place: KafkaPlace, senders: SenderPool, options: PipeOptions) {
    this.#place = place
    this.#senders = senders
    this.#options = options
    this.#limit = new BatchLimit(options)
  }

  get isIdle(): boolean {
    return !this.#isSending && this.#waiting.length === 0
  }

  /** Resolves with what became of the message. */
  async send(message: KafkaMessage): Promise<SendOutcome> {
    return (await this.add(message, bytesOf(message)))[0]
  }

  /** Adds a message of so many bytes to the batch that goes next. All of a batch are given the same promise. */
  add(message: KafkaMessage, bytes: number): BatchOutcome {
    const batch = this.#batchFor(bytes)
    batch.messages.push(message)
    batch.bytes += bytes
    if (!this.#isSending) this.#flow()
    return batch.outcome
  }

  #batchFor(bytes: number): Batch {
    const last = this.#waiting.at(-1)
    if (last !== undefined && last.bytes + bytes <= this.#limit.bytes) return last
    const batch = new Batch()
    this.#waiting.push(batch)
    return batch
  }

  #flow(): void {
    const [next] = this.#waiting
    if (this.#isSending || next === undefined) return
    const { lingerMs, clock } = this.#options
    const isFull = this.#waiting.length > 1 || next.bytes >= this.#limit.bytes
    if (lingerMs > 0 && !isFull) {
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
    void this.#sendNext().then(() => {
      this.#isSending = false
      this.#flow()
    })
  }

  async #sendNext(): Promise<void> {
    const batch = this.#waiting.shift()
    if (batch === undefined) return
    const outcome = await this.#outcomeOf(batch.messages)
    if (outcome.durable === 'yes') this.#limit.stored()
    const isTooLarge = outcome.error?.code === 'ERR_PAYLOAD_TOO_LARGE'
    batch.settle([isTooLarge && batch.messages.length > 1 ? this.#smaller(batch) : outcome])
  }

  /**
   * The topic takes less than it did as it was opened. That is said of the batch, and of none of its messages: they may
   * come again, in smaller ones, until one that is too large is alone.
   */
  #smaller({ bytes, messages }: Batch): SendOutcome {
    this.#limit.refused(bytes)
    const { topic, partition } = this.#place
    const text = `${topic}, partition ${partition}, takes no batch of ${bytes} bytes, which ${messages.length} records have together. None of them is stored. Those to come are smaller, until a look at the topic's settings, seconds after that, finds a max.message.bytes that allows more.`
    return { durable: 'no', error: new WalError('ERR_THROTTLED', text, { retryable: true }) }
  }

  async #outcomeOf(messages: readonly KafkaMessage[]): Promise<SendOutcome> {
    const { topic, partition } = this.#place
    const what = `Sending to ${topic}, partition ${partition}`
    let isSent = false
    const giveUp = new AbortController()
    const lease = this.#senders.lease()
    const sending = lease.sender.then((sender) => {
      giveUp.signal.throwIfAborted()
      isSent = true
      return sender.send(this.#place, messages, giveUp.signal)
    })
    try {
      await this.#within(sending, giveUp, () => isSent)
      lease.done()
      return { durable: 'yes' }
    } catch (error) {
      // Others may still use the sender, and it would go on trying: behind what comes next.
      giveUp.abort()
      const isUnsent = error instanceof UnsentError
      const isKnown = !isSent || isUnsent || isRefusal(error)
      // The numbers of an idempotent producer may be out of step now: the next record could be
      // taken for a repeat of this one, and be lost. One that did not open would never do so. Where nothing was sent
      // they are not: a partition without a leader takes the sender from no other.
      if (isUnsent) lease.unsent()
      else lease.discard()
      const cause = error instanceof WalError ? error : kafkaError(what, error)
      return { durable: isKnown ? 'no' : 'unknown', error: cause }
    }
  }

  /** Rejects once the time is up, whatever the client still tries. */
  #within<T>(work: Promise<T>, giveUp: AbortController, isSent: () => boolean): Promise<T> {
    const { clock, sendTimeoutMs } = this.#options
    const { topic, partition } = this.#place
    return new Promise((resolve, reject) => {
      let timer = clock.setTimer(sendTimeoutMs, () => {
        giveUp.abort()
        const text = `${topic}, partition ${partition}, gave no answer for ${sendTimeoutMs} ms${isSent() ? '' : '; nothing of it was sent'}.`
        const late = new WalError('ERR_IO', text, { retryable: true })
        // A sender that has held it back until now says so first.
        timer = clock.setTimer(0, () => reject(late))
      })
      void work.then(resolve, reject).finally(() => timer.cancel())
    })
  }
}
