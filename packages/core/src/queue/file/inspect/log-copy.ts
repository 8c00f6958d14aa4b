import { WalError } from '../../../errors.ts'
import type { StoredRecord } from '../../../record.ts'
import type { FrameWalker } from '../frame-walker.ts'
import type { Log } from '../log.ts'
import { decodeRecord } from '../record-format.ts'
import type { FrameVisitor } from './segment-survey.ts'
import type { SequenceMap } from './sequence-map.ts'

/** Records are appended once they have so many bytes. */
const batchBytes = 4 * 1024 * 1024

/** Appends the records it is shown to another log, as they are. */
export class LogCopy implements FrameVisitor {
  readonly #log: Log
  /** Of the records that do not name their own. */
  readonly #namespace: string
  readonly #sequences: SequenceMap
  #batch: StoredRecord[] = []
  #bytes = 0
  /** The batch before, on its way. */
  #appending: Promise<void> = Promise.resolve()

  constructor(log: Log, namespace: string, sequences: SequenceMap) {
    this.#log = log
    this.#namespace = namespace
    this.#sequences = sequences
  }

  record({ buffer, bodyStart, bodyEnd, bytes, sequence }: FrameWalker): void {
    const record = decodeRecord(buffer, bodyStart, bodyEnd, this.#namespace)
    if (record.namespace === '') throw namelessError()
    this.#batch.push(record)
    this.#sequences.add(sequence)
    this.#bytes += bytes
  }

  async pause(): Promise<void> {
    if (this.#bytes >= batchBytes) await this.#append()
  }

  /** Resolves once all records are durable. */
  async finish(): Promise<void> {
    await this.#append()
    await this.#appending
  }

  /** One batch is read while the one before is written. */
  async #append(): Promise<void> {
    await this.#appending
    const batch = this.#batch
    this.#batch = []
    this.#bytes = 0
    if (batch.length === 0) return
    this.#appending = appendAll(this.#log, batch)
    // Met by whoever awaits it next.
    this.#appending.catch(() => {})
  }
}

async function appendAll(log: Log, records: readonly StoredRecord[]): Promise<void> {
  for (const { durable, error } of await log.append(records)) {
    if (durable !== 'yes') throw error ?? new WalError('ERR_IO', 'The copy could not be written.')
  }
}

function namelessError(): WalError {
  return new WalError(
    'ERR_CONFIG',
    'No header of a segment can be read, so that nobody knows the namespace of the records. Give ' +
      'it as the option `namespace`.',
  )
}
