import { type Producer, type SendOutcome, type StoredRecord, WalError } from '@daybook/core'
import type { KafkaMessage, KafkaPlace } from '../kafka-client.ts'
import { bytesOf, messageOf } from '../kafka-message.ts'
import type { Places } from '../places.ts'

/** Where messages go, and where delayed ones do. */
export interface Routes {
  /** The first of the topics, for messages. */
  readonly topic: string
  readonly places: Places
  readonly largestRecordBytes: number
  now(): number
  /** Puts a message of so many bytes into a partition, behind those put there before. */
  put(place: KafkaPlace, message: KafkaMessage, bytes: number): Promise<SendOutcome>
  /** Puts a message where it waits until it is due. */
  delay(message: KafkaMessage, dueAt: number): Promise<SendOutcome>
}

/** Puts records into the topic, each into the partition of its key. */
export class KafkaProducer implements Producer {
  readonly #routes: Routes
  readonly #sending = new Set<Promise<unknown>>()
  #closed = false

  constructor(routes: Routes) {
    this.#routes = routes
  }

  async send(records: readonly StoredRecord[]): Promise<readonly SendOutcome[]> {
    const sending = Promise.all(records.map((record) => this.#sendOne(record)))
    this.#sending.add(sending)
    try {
      return await sending
    } finally {
      this.#sending.delete(sending)
    }
  }

  async close(): Promise<void> {
    this.#closed = true
    await Promise.all(this.#sending)
  }

  async #sendOne(record: StoredRecord): Promise<SendOutcome> {
    if (this.#closed) {
      return { durable: 'no', error: new WalError('ERR_CLOSED', 'The Kafka producer is closed.') }
    }
    const { places, largestRecordBytes } = this.#routes
    const message = messageOf(record)
    const bytes = bytesOf(message)
    if (bytes > largestRecordBytes)
      return { durable: 'no', error: tooLarge(record, bytes, this.#routes) }
    const { dueAt = 0 } = record
    if (dueAt > this.#routes.now()) return this.#routes.delay(message, dueAt)
    // Without a key any partition will do; the same one for the same record.
    return this.#routes.put(places.of(message.key ?? Buffer.from(record.id)), message, bytes)
  }
}

function tooLarge(
  { namespace, id }: StoredRecord,
  bytes: number,
  { topic, largestRecordBytes }: Routes,
): WalError {
  return new WalError(
    'ERR_PAYLOAD_TOO_LARGE',
    `Record ${id} of namespace "${namespace}" makes a message of ${bytes} bytes; ` +
      `the topic ${topic} is given at most ${largestRecordBytes}. See \`batchBytes\`.`,
  )
}
