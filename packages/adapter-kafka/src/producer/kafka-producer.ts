import { type Producer, type SendOutcome, type StoredRecord, WalError } from '@daybook/core'
import type { KafkaMessage, KafkaPlace } from '../kafka-client.ts'
import { bytesOf, messageOf } from '../kafka-message.ts'
import type { Places } from '../places.ts'
import type { BatchOutcome } from './partition-pipe.ts'

/** Where messages go, and where delayed ones do. */
export interface Routes {
  /** The first of the topics, for messages. */
  readonly topic: string
  readonly places: Places
  readonly largestRecordBytes: number
  now(): number
  /** Puts a message of so many bytes into a partition, behind those put there before. */
  put(place: KafkaPlace, message: KafkaMessage, bytes: number): BatchOutcome
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

  /** A single record is answered with the promise of its batch, so that core answers the callers of a batch in one go. */
  send(records: readonly StoredRecord[]): Promise<readonly SendOutcome[]> {
    const [first] = records
    if (records.length === 1 && first !== undefined) return this.#sendOne(first)
    return Promise.all(records.map((record) => this.#sendOne(record))).then((sent) => sent.flat())
  }

  async close(): Promise<void> {
    this.#closed = true
    await Promise.all(this.#sending)
  }

  #sendOne(record: StoredRecord): BatchOutcome {
    if (this.#closed) {
      return refused(new WalError('ERR_CLOSED', 'The Kafka producer is closed.'))
    }
    const { places, largestRecordBytes } = this.#routes
    const message = messageOf(record)
    const bytes = bytesOf(message)
    if (bytes > largestRecordBytes) return refused(tooLarge(record, bytes, this.#routes))
    const { dueAt } = record
    if (dueAt !== undefined && dueAt > this.#routes.now()) {
      return this.#kept(this.#routes.delay(message, dueAt).then((outcome) => [outcome] as const))
    }
    // Without a key any partition will do; the same one for the same record.
    const place = places.of(message.key ?? Buffer.from(record.id))
    return this.#kept(this.#routes.put(place, message, bytes))
  }

  /** Closing waits for it. */
  #kept(sending: BatchOutcome): BatchOutcome {
    if (this.#sending.has(sending)) return sending
    this.#sending.add(sending)
    const forget = (): void => void this.#sending.delete(sending)
    sending.then(forget, forget)
    return sending
  }
}

function refused(error: WalError): BatchOutcome {
  return Promise.resolve([{ durable: 'no', error }] as const)
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
