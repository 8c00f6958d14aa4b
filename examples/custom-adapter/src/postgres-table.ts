import { type AttemptState, noAttempts, type StoredRecord } from '@daybook/core'
import type { Pool } from 'pg'

/** Where the records of a namespace lie. */
export interface Table {
  readonly pool: Pool
  readonly name: string
}

/** A row, as it is read. */
export interface Row {
  /** Digits: `bigint` is more than a double holds. */
  readonly position: string
  readonly fields: Omit<StoredRecord, 'payload' | 'version'> & { readonly version: string }
  readonly payload: Buffer | null
  readonly attempts: AttemptState | null
  /** Attempts that had begun when their processes were last heard of. */
  readonly begun: number
  readonly hand_outs: number
}

/**
 * Makes the table, if it is not there. One row for each record and target. Of several processes that do
 * so at the same time all but one wait: IF NOT EXISTS alone does not keep them apart.
 */
export async function createTable({ pool, name }: Table): Promise<void> {
  await pool.query(`
    SELECT pg_advisory_xact_lock(hashtext('${name}'));
    CREATE TABLE IF NOT EXISTS ${name} (
      position   bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
      target     text NOT NULL,
      id         text NOT NULL,
      epoch      int NOT NULL,
      -- json, not jsonb: it keeps any text, zero characters included.
      fields     json NOT NULL,
      payload    bytea,
      written_at bigint NOT NULL,
      -- Not handed out before: its writing, its delay, its backoff, or somebody's lease. In ms since the Unix epoch.
      -- Whoever has waited longest comes first, so that what was released is not overtaken for ever.
      not_before bigint NOT NULL,
      due_at     bigint NOT NULL,
      lease      text,
      attempts   json,
      begun      int NOT NULL DEFAULT 0,
      hand_outs  int NOT NULL DEFAULT 0,
      UNIQUE (id, target, epoch)
    );
    CREATE INDEX IF NOT EXISTS ${name}_next ON ${name} (target, not_before, position);
  `)
}

/** What is kept of a record, its payload apart: bytes stay bytes. */
export function fieldsOf({ payload, version, ...fields }: StoredRecord): string {
  return JSON.stringify({ ...fields, version: version.toString() })
}

export function recordOf({ fields, payload }: Row): StoredRecord {
  const absent = {
    ...{ key: undefined, dueAt: undefined, target: undefined, transaction: undefined },
    ...{ traceContext: undefined, encryptionKeyId: undefined },
  }
  const bytes = payload === null ? undefined : new Uint8Array(payload)
  return { ...absent, ...fields, version: BigInt(fields.version), payload: bytes }
}

/** An attempt that was under way when its process died is spent, and the next one knows of it. */
export function attemptsOf({ attempts, begun }: Row): AttemptState {
  const known = attempts ?? noAttempts
  return { ...known, spent: known.spent + begun, interrupted: known.interrupted + begun }
}
