import { WalError } from '../../errors.ts'
import type { Producer, SendOutcome } from '../../producer/producer.ts'
import type { StoredRecord } from '../../record.ts'
import type { Log } from './log.ts'
import { recordBound } from './record-format.ts'

export interface FileProducerOptions {
  readonly log: Log
  readonly namespace: string
  readonly largestRecordBytes: number
  /** Why nothing may be written any more; undefined while all is well. */
  refusal(): WalError | undefined
}

/** Puts records into the log: a thin door, for the log itself groups what comes at the same time. */
export class FileProducer implements Producer {
  readonly #options: FileProducerOptions
  readonly #log: Log
  /** The send that settles last: the log settles them in their order. */
  #last: Promise<unknown> = Promise.resolve()
  #closed = false

  constructor(options: FileProducerOptions) {
    this.#options = options
    this.#log = options.log
  }

  send(records: readonly StoredRecord[]): Promise<readonly SendOutcome[]> {
    const refusal = this.#closed ? closedError(this.#options.namespace) : this.#options.refusal()
    if (refusal) return Promise.resolve(records.map(() => ({ durable: 'no', error: refusal })))
    for (const record of records) {
      if (this.#isTooLarge(record)) return this.#sendOthers(records)
    }
    const sent = this.#log.append(records)
    this.#last = sent
    return sent
  }

  async close(): Promise<void> {
    this.#closed = true
    await this.#last
  }

  /** Sends those that are not too large. */
  async #sendOthers(records: readonly StoredRecord[]): Promise<readonly SendOutcome[]> {
    const sent = this.#log.append(records.filter((record) => !this.#isTooLarge(record)))
    this.#last = sent
    const outcomes = [...(await sent)].reverse()
    return records.map((record) =>
      this.#isTooLarge(record) ? this.#tooLarge(record) : (outcomes.pop() as SendOutcome),
    )
  }

  /** A redriven record may name its target, which it had no need to before: it must fit again. */
  #isTooLarge(record: StoredRecord): boolean {
    const isRedriven = record.attemptEpoch > 0
    const bytes = recordBound(isRedriven ? { ...record, target: undefined } : record)
    return bytes > this.#options.largestRecordBytes
  }

  #tooLarge(record: StoredRecord): SendOutcome {
    const { namespace, largestRecordBytes } = this.#options
    const error = new WalError(
      'ERR_PAYLOAD_TOO_LARGE',
      `Record ${record.id} of namespace "${namespace}" takes up to ${recordBound(record)} bytes; ` +
        `the file log takes at most ${largestRecordBytes} for one. Store the payload elsewhere ` +
        'and write a reference to it.',
    )
    return { durable: 'no', error }
  }
}

function closedError(namespace: string): WalError {
  return new WalError('ERR_CLOSED', `The producer of namespace "${namespace}" is closed.`)
}
