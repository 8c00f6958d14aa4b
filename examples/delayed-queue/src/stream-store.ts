import { DatabaseSync, type StatementSync } from 'node:sqlite'
import { applied, type Outcome, superseded, type Target, type WalRecord } from '@daybook/core'

/** A film as a stream: what is deleted with it are its segments. */
export interface Stream {
  readonly title: string
  /** Pieces of ten minutes. */
  readonly segments: number
}

// A deleted stream leaves its row behind, marked: the row's version keeps an older change out that comes
// late. `arrivals` is there for the check alone: all that came, also what the version turned away.
const schema = `
  CREATE TABLE IF NOT EXISTS streams (
    key TEXT PRIMARY KEY, version INTEGER NOT NULL, deleted INTEGER NOT NULL, title TEXT
  ) STRICT;
  CREATE TABLE IF NOT EXISTS segments (
    stream TEXT NOT NULL, number INTEGER NOT NULL, PRIMARY KEY (stream, number)
  ) STRICT, WITHOUT ROWID;
  CREATE TABLE IF NOT EXISTS arrivals (
    seq INTEGER PRIMARY KEY, key TEXT NOT NULL, version INTEGER NOT NULL, op TEXT NOT NULL,
    at INTEGER NOT NULL, due INTEGER
  ) STRICT;
`

const claim = `
  INSERT INTO streams VALUES (?, ?, ?, ?)
  ON CONFLICT (key) DO UPDATE SET
    version = excluded.version, deleted = excluded.deleted, title = excluded.title
  WHERE excluded.version > streams.version
`

const addSegments = `
  WITH RECURSIVE numbers (number) AS (
    SELECT 1 UNION ALL SELECT number + 1 FROM numbers WHERE number < ?
  )
  INSERT INTO segments SELECT ?, number FROM numbers
`

/** Streams and their segments in an SQLite database, each stream guarded by the version of its last change. */
export class StreamStore {
  readonly #store: DatabaseSync
  readonly #arrive: StatementSync
  readonly #claim: StatementSync
  readonly #held: StatementSync
  readonly #removeSegments: StatementSync
  readonly #addSegments: StatementSync

  constructor(file: string) {
    const store = new DatabaseSync(file)
    // Once a target has answered, the log forgets the record: by then it has to be on the disk (FULL).
    store.exec('PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL')
    store.exec(schema)
    this.#store = store
    this.#arrive = store.prepare(
      'INSERT INTO arrivals (key, version, op, at, due) VALUES (?, ?, ?, ?, ?)',
    )
    this.#claim = store.prepare(claim)
    this.#held = store.prepare('SELECT version FROM streams WHERE key = ?')
    this.#held.setReadBigInts(true)
    this.#removeSegments = store.prepare('DELETE FROM segments WHERE stream = ?')
    this.#addSegments = store.prepare(addSegments)
  }

  /** The target that puts streams and deletes them. */
  target(): Target<Stream> {
    return {
      idempotency: 'version',
      ops: ['put', 'delete'],
      apply: async (records) => this.#apply(records),
    }
  }

  /** The version of a stream's last change; undefined for one that never was. */
  versionOf(key: string): bigint | undefined {
    return this.#held.get(key)?.['version'] as bigint | undefined
  }

  close(): void {
    this.#store.close()
  }

  /** A batch in one transaction: all of it is there, or nothing. */
  #apply(records: readonly WalRecord<Stream>[]): readonly Outcome[] {
    const at = Date.now()
    this.#store.exec('BEGIN IMMEDIATE')
    try {
      const outcomes = records.map((record) => this.#applyOne(record, at))
      this.#store.exec('COMMIT')
      return outcomes
    } catch (error) {
      if (this.#store.isTransaction) this.#store.exec('ROLLBACK')
      throw error
    }
  }

  #applyOne(record: WalRecord<Stream>, at: number): Outcome {
    const { key = '', version, op, dueAt = null } = record
    this.#arrive.run(key, version, op, at, dueAt)
    const stream = record.op === 'put' ? record.payload : undefined
    const { changes } = this.#claim.run(key, version, stream ? 0 : 1, stream?.title ?? null)
    // Nothing changed: it has this very version already, or a newer one.
    if (changes === 0) return this.versionOf(key) === version ? applied : superseded
    this.#removeSegments.run(key)
    if (stream) this.#addSegments.run(stream.segments, key)
    return applied
  }
}
