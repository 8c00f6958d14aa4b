import {
  applied,
  type Outcome,
  permanent,
  superseded,
  type Target,
  transient,
  unavailable,
  type WalRecord,
} from '@daybook/core'
import type { Pool } from 'pg'

/** A document by its key. */
export interface Document {
  readonly [field: string]: unknown
}

/** How {@link postgresTarget} is set up. */
export interface PostgresTargetOptions {
  /** It stays the caller's. */
  readonly pool: Pool
  /** A table made by {@link createDocuments}. */
  readonly table: string
}

/** Makes a table for {@link postgresTarget}. A deleted document leaves its key and version behind. */
export async function createDocuments({ pool, table }: PostgresTargetOptions): Promise<void> {
  await pool.query(
    `CREATE TABLE IF NOT EXISTS ${table} (key text PRIMARY KEY, version bigint NOT NULL, document jsonb)`,
  )
}

/** A target that keeps documents in a table. An older change changes nothing. */
export function postgresTarget<P extends Document>({
  pool,
  table,
}: PostgresTargetOptions): Target<P> {
  /** One statement, so one look at the row: what it holds decides, and is changed, at once. */
  const sql = `
    INSERT INTO ${table} AS held (key, version, document) VALUES ($1, $2, $3)
    ON CONFLICT (key) DO UPDATE SET
      version = excluded.version,
      document = CASE WHEN $4 THEN coalesce(held.document, '{}') || excluded.document ELSE excluded.document END
    WHERE excluded.version > held.version
    RETURNING 1`

  async function applyOne({ key, version, op, payload }: WalRecord<P>): Promise<Outcome> {
    if (key === undefined) return permanent('NO_KEY', 'A document needs a key.')
    const document = op === 'delete' ? null : JSON.stringify(payload)
    try {
      const { rowCount } = await pool.query(sql, [
        key,
        version.toString(),
        document,
        op === 'patch',
      ])
      if (rowCount === 1) return applied
      const { rows } = await pool.query(`SELECT version FROM ${table} WHERE key = $1`, [key])
      return BigInt(rows[0]?.version ?? 0) === version ? applied : superseded
    } catch (error) {
      return outcomeOf(error)
    }
  }

  return {
    idempotency: 'version',
    largestBatch: { maxRecords: 50 },
    apply: (records, { signal }) => {
      signal.throwIfAborted()
      return Promise.all(records.map(applyOne))
    },
    async read(key) {
      const { rows } = await pool.query(`SELECT document FROM ${table} WHERE key = $1`, [key])
      return rows[0]?.document ?? undefined
    },
    async health() {
      await pool.query('SELECT 1')
    },
  }
}

/** What PostgreSQL's error classes mean for a record: the one place where they are told apart. */
function outcomeOf(error: unknown): Outcome {
  const { code = 'UNKNOWN', message = String(error) } = error as { code?: string; message?: string }
  const details = { cause: error }
  // 22: the data are wrong. 23: a constraint refuses them.
  if (/^2[23]/.test(code)) return permanent(code, message, details)
  // 40: a deadlock, or a transaction that lost. 55: a lock.
  if (/^(40|55)/.test(code)) return transient(code, message, details)
  // Everything else is no record's fault: no connection, no table, no rights, no room.
  return unavailable(code, message, details)
}
