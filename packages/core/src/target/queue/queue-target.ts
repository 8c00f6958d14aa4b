import { Buffer } from 'node:buffer'
import type { Codec } from '../../codec.ts'
import { reasonOf } from '../../error-text.ts'
import { WalError } from '../../errors.ts'
import type { Producer, SendOutcome } from '../../producer/producer.ts'
import type { StoredRecord, WalRecord } from '../../record.ts'
import { lostOnItsWay, outcomeOfSend } from '../forwarding/durable-outcome.ts'
import { leaving } from '../forwarding/trail.ts'
import { orAborted } from '../or-aborted.ts'
import { type ApplyContext, applied, type Outcome, permanent, type Target } from '../target.ts'
import { type QueueSettings, type QueueTargetOptions, queueSettings } from './queue-options.ts'

/**
 * A target that is another queue: a Kafka topic, an SQS queue, any `Queue` or `Producer`. A
 * record is applied once it is durable there. It keeps its id, key, op, payload, headers, version, origin
 * and time of writing; it begins anew as one that is due at once, with no attempts, in no transaction. Several namespaces,
 * of one wal or of several, may have the same one.
 *
 * Throws `ConfigError` for options that are wrong or unknown.
 *
 * @example
 * const archive = queueTarget({ queue: kafkaQueue({ client, topic: 'titles' }), namespace: 'titles' })
 */
export function queueTarget<P = unknown>(options: QueueTargetOptions): Target<P> {
  return new QueueTarget(queueSettings(options)) as Target<P>
}

class QueueTarget implements Target {
  readonly idempotency = 'id'
  readonly passesOn = true
  readonly largestBatch: Target['largestBatch']
  /** Only where the queue says what it takes. */
  readonly validate?: NonNullable<Target['validate']>
  readonly #settings: QueueSettings
  readonly #codec: Codec
  /** Undefined until a queue of its own is open. */
  #producer: Producer | undefined
  /** Namespaces that have it: a queue is opened by the first of them, and closed by the last. */
  #openedBy = 0
  #opening: Promise<void> | undefined
  #closing: Promise<void> | undefined

  constructor(settings: QueueSettings) {
    this.#settings = settings
    this.#codec = settings.codec
    this.#producer = 'producer' in settings ? settings.producer : undefined
    if ('producer' in settings) {
      this.largestBatch = settings.largestBatch
      return
    }
    const { supports } = settings.queue
    this.largestBatch = {
      maxRecords: supports.largestBatchRecords,
      maxBytes: supports.largestBatchBytes,
    }
    this.validate = (record) => this.#objection(record, supports.largestRecordBytes)
  }

  async open(): Promise<void> {
    this.#openedBy++
    this.#opening ??= this.#openQueue()
    const opening = this.#opening
    try {
      await opening
    } catch (error) {
      this.#openedBy--
      if (this.#opening === opening) this.#opening = undefined
      throw error
    }
  }

  async #openQueue(): Promise<void> {
    if (!('queue' in this.#settings)) return
    await this.#closing?.catch(() => {})
    const { queue, namespace, targets, clock, random, onError: reportError } = this.#settings
    await queue.open({ namespace, targets, directory: undefined, clock, random, reportError })
    try {
      this.#producer = await queue.producer()
    } catch (error) {
      await queue.close().catch(() => {})
      throw error
    }
  }

  async apply(
    records: readonly WalRecord[],
    { signal, place }: ApplyContext,
  ): Promise<readonly Outcome[]> {
    const prepared = records.map((record) => this.#prepared(record, place))
    const stored = prepared.filter((each) => 'id' in each)
    const outcomes = stored.length === 0 ? [] : await this.#send(stored, signal)
    const sent = outcomes.values()
    return prepared.map((each) =>
      'id' in each ? outcomeOfSend(this.#name, sent.next().value) : each,
    )
  }

  async close(): Promise<void> {
    this.#openedBy = Math.max(0, this.#openedBy - 1)
    if (this.#openedBy > 0) return
    this.#opening = undefined
    this.#closing = this.#closeQueue()
    await this.#closing
  }

  async #closeQueue(): Promise<void> {
    if (!('queue' in this.#settings)) return
    await this.#producer?.close()
    this.#producer = undefined
    await this.#settings.queue.close()
  }

  get #name(): string {
    return 'queue' in this.#settings ? `The ${this.#settings.queue.kind} queue` : 'The producer'
  }

  /** What is known already as a record is written; the queue itself may count more than this. */
  #objection(record: WalRecord, mostBytes: number): string | undefined {
    const { key = '', headers } = record
    const fields = [key, ...Object.entries(headers).flat()]
    const fieldBytes = fields.reduce((sum, each) => sum + Buffer.byteLength(each), 0)
    try {
      const bytes = (this.#encoded(record)?.byteLength ?? 0) + fieldBytes
      return bytes > mostBytes
        ? `it takes ${bytes} bytes, and the queue takes ${mostBytes}`
        : undefined
    } catch (error) {
      return `the ${this.#codec.name} codec cannot encode it: ${reasonOf(error)}`
    }
  }

  #prepared(record: WalRecord, place: string | undefined): StoredRecord | Outcome {
    const way = leaving(record.headers, place)
    if (way === 'returned') return applied
    if (way === 'lost') return lostOnItsWay
    const { namespace = record.namespace, target } = this.#settings
    const anew = { dueAt: undefined, transaction: undefined, attemptEpoch: 0 }
    try {
      const payload = this.#encoded(record)
      return { ...record, ...anew, namespace, target, headers: way.headers, payload }
    } catch (cause) {
      const message = `The ${this.#codec.name} codec cannot encode its payload: ${reasonOf(cause)}`
      return permanent('ERR_NOT_SERIALIZABLE', message, { cause })
    }
  }

  #encoded({ op, payload }: WalRecord): Uint8Array | undefined {
    return payload === undefined && op === 'delete' ? undefined : this.#codec.encode(payload)
  }

  /** A producer that rejects, or does not answer in time, leaves open what became of the records. */
  async #send(
    records: readonly StoredRecord[],
    signal: AbortSignal,
  ): Promise<readonly SendOutcome[]> {
    if (this.#producer === undefined) throw new WalError('ERR_CLOSED', `${this.#name} is not open.`)
    try {
      return await orAborted(this.#producer.send(records, { signal }), signal)
    } catch (cause) {
      const why = reasonOf(cause)
      const code = signal.aborted ? 'ERR_ABORTED' : 'ERR_IO'
      const error = new WalError(code, why, { cause, retryable: true })
      return records.map(() => ({ durable: 'unknown', error }))
    }
  }
}
