import {
  type Producer,
  type QueueContext,
  type SendOutcome,
  type StoredRecord,
  WalError,
} from '@daybook/core'
import { isRefusal, isUnreached, postgresError } from './postgres-errors.ts'
import { fieldsOf, type Table } from './postgres-table.ts'

/** Puts records into the table, a call in one statement and so in one commit. */
export class PostgresProducer implements Producer {
  readonly #table: Table
  readonly #targets: readonly string[]
  readonly #clock: QueueContext['clock']
  readonly #largestRecordBytes: number
  readonly #sending = new Set<Promise<unknown>>()
  #closed = false

  constructor(table: Table, { targets, clock }: QueueContext, largestRecordBytes: number) {
    this.#table = table
    this.#targets = targets
    this.#clock = clock
    this.#largestRecordBytes = largestRecordBytes
  }

  async send(records: readonly StoredRecord[]): Promise<readonly SendOutcome[]> {
    if (this.#closed) {
      const error = new WalError('ERR_CLOSED', 'The producer is closed; nothing was written.')
      return records.map(() => ({ durable: 'no', error }))
    }
    const sending = this.#sendFitting(records)
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

  /** What is too large is answered at once, and the others go on. */
  async #sendFitting(records: readonly StoredRecord[]): Promise<readonly SendOutcome[]> {
    const refusals = records.map((record) => this.#refusal(record))
    const sent = [...(await this.#insert(records.filter((_, at) => refusals[at] === undefined)))]
    return refusals.map((error) =>
      error ? { durable: 'no', error } : (sent.shift() as SendOutcome),
    )
  }

  #refusal({ id, payload }: StoredRecord): WalError | undefined {
    const bytes = payload?.byteLength ?? 0
    if (bytes <= this.#largestRecordBytes) return undefined
    return new WalError('ERR_PAYLOAD_TOO_LARGE', `Record ${id} has ${bytes} bytes.`)
  }

  /** A rewrite of a record that is there already changes nothing. */
  async #insert(records: readonly StoredRecord[]): Promise<readonly SendOutcome[]> {
    const { pool, name } = this.#table
    const rows = records.flatMap((record) =>
      this.#targetsOf(record).map((target) => ({ record, target })),
    )
    if (rows.length === 0) return records.map(() => ({ durable: 'yes' }))
    const now = Math.floor(this.#clock.now())
    const column = <T>(of: (row: (typeof rows)[number]) => T): T[] => rows.map(of)
    try {
      await pool.query(
        `INSERT INTO ${name} (target, id, epoch, fields, payload, written_at, not_before, due_at)
         SELECT * FROM unnest($1::text[], $2::text[], $3::int[], $4::json[], $5::bytea[],
                              $6::bigint[], $7::bigint[], $8::bigint[])
         ON CONFLICT (id, target, epoch) DO NOTHING`,
        [
          column(({ target }) => target),
          column(({ record }) => record.id),
          column(({ record }) => record.attemptEpoch),
          column(({ record }) => fieldsOf(record)),
          column(({ record }) => (record.payload ? Buffer.from(record.payload) : null)),
          column(({ record }) => Math.floor(record.writtenAt)),
          column(({ record }) => Math.ceil(record.dueAt ?? now)),
          column(({ record }) => Math.ceil(record.dueAt ?? 0)),
        ],
      )
      return records.map(() => ({ durable: 'yes' }))
    } catch (cause) {
      const durable = isRefusal(cause) || isUnreached(cause) ? 'no' : 'unknown'
      const error = postgresError(`${records.length} records were not seen to be stored`, cause)
      return records.map(() => ({ durable, error }))
    }
  }

  #targetsOf({ target }: StoredRecord): readonly string[] {
    return target === undefined ? this.#targets : this.#targets.filter((name) => name === target)
  }
}
