import { hash as digest, randomBytes } from 'node:crypto'
import {
  type Clock,
  type Producer,
  type SendOptions,
  type SendOutcome,
  type StoredRecord,
  WalError,
} from '@daybook/core'
import { claimsPrefix } from './sqs-claims.ts'
import { encodeClaim, encodeEnvelope, type SentPlace } from './sqs-envelope.ts'
import type { SqsSettings } from './sqs-options.ts'
import type { Outgoing, SqsSender } from './sqs-sender.ts'

/** Counts the records that this process sends to the queue: a watermark compares by it. */
export class SentCounter {
  readonly producer: string = randomBytes(9).toString('base64url')
  count = 0

  next(): SentPlace {
    this.count++
    return { producer: this.producer, count: this.count }
  }
}

export interface SqsProducerOptions {
  readonly settings: SqsSettings
  readonly clock: Clock
  readonly sender: SqsSender
  /** Sends into the companion queue of a FIFO queue. */
  readonly delaySender: SqsSender | undefined
  readonly counter: SentCounter
}

/** Sends records, each as one message. */
export class SqsProducer implements Producer {
  readonly #options: SqsProducerOptions
  readonly #sending = new Set<Promise<unknown>>()
  #isClosed = false

  constructor(options: SqsProducerOptions) {
    this.#options = options
  }

  async send(
    records: readonly StoredRecord[],
    options: SendOptions = {},
  ): Promise<readonly SendOutcome[]> {
    const sending = Promise.all(records.map((record) => this.#send(record, options.signal)))
    this.#sending.add(sending)
    try {
      return await sending
    } finally {
      this.#sending.delete(sending)
    }
  }

  async close(): Promise<void> {
    this.#isClosed = true
    await Promise.all(this.#sending)
  }

  #send(record: StoredRecord, signal: AbortSignal | undefined): Promise<SendOutcome> | SendOutcome {
    const { settings, clock, sender, delaySender, counter } = this.#options
    if (this.#isClosed) return no(new WalError('ERR_CLOSED', 'The producer is closed.'))
    const waitMs = (record.dueAt ?? 0) - clock.now()
    if (waitMs > 0 && settings.isFifo && delaySender === undefined) {
      const message = `Record ${record.id} is delayed, and a FIFO queue takes no delay per message: give \`delayQueueUrl\`, a standard queue.`
      return no(new WalError('ERR_INVALID_DELAY', message))
    }
    const body = encodeEnvelope(record, counter.next())
    const isDelayed = waitMs > 0
    const to = isDelayed && delaySender !== undefined ? delaySender : sender
    const fifo = to === sender && settings.isFifo ? fifoFields(record, '') : undefined
    const bytes = Buffer.byteLength(body)
    const message = {
      body,
      bytes,
      signal,
      group: fifo?.group,
      deduplicationId: fifo?.deduplicationId,
      delaySeconds: isDelayed ? to.hopSeconds(waitMs) : undefined,
    }
    return bytes <= settings.maxBodyBytes ? to.send(message) : this.#sendClaim(record, to, message)
  }

  /** Too large for a message: the body goes into the store, and its name into the queue. */
  #sendClaim(
    record: StoredRecord,
    to: SqsSender,
    { body, bytes, ...message }: Outgoing & { readonly bytes: number },
  ): Promise<SendOutcome> | SendOutcome {
    const { store, maxBodyBytes } = this.#options.settings
    if (store === undefined) {
      const facts = `Record ${record.id} makes a message of ${bytes} bytes (its payload grows by a third), and ${maxBodyBytes} are allowed.`
      const help = 'Raise `maxMessageBytes` if the queue takes more, or give a `store`.'
      return no(new WalError('ERR_PAYLOAD_TOO_LARGE', `${facts} ${help}`))
    }
    const unique = randomBytes(6).toString('hex')
    const name = `${claimsPrefix(record.namespace)}${record.id}.${record.attemptEpoch}.${unique}`
    const stored = store.put(name, Buffer.from(body))
    return to.send({ ...message, body: encodeClaim(name, record), after: stored })
  }
}

/**
 * A key's records are one group. Redriven ones are another: behind a record that waits for one of
 * them, and is in flight, it could never come.
 */
export function fifoFields(
  record: StoredRecord,
  purpose: string,
): { readonly group: string; readonly deduplicationId: string } {
  const { key, id, attemptEpoch, target = '', version } = record
  const kind = attemptEpoch > 0 ? 'redriven' : 'written'
  const group = key === undefined ? id : `${kind}\n${key}`
  // What is sent again under the same id is the same, unless it was redriven, or is another version.
  const name = `${id}\n${attemptEpoch}\n${version}\n${target}\n${purpose}`
  return { group: hash(group), deduplicationId: hash(name) }
}

function hash(text: string): string {
  return digest('sha256', text, 'base64url')
}

function no(error: WalError): SendOutcome {
  return { durable: 'no', error }
}
