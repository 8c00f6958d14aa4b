import { DatabaseSync, type StatementSync } from 'node:sqlite'
import { setTimeout as sleep } from 'node:timers/promises'
import {
  applied,
  type Outcome,
  permanent,
  superseded,
  type Target,
  type WalRecord,
} from '@daybook/core'

/** A parcel was seen somewhere. */
export interface Scan {
  readonly place: string
  /** Which scan of this parcel it is, counted from one. */
  readonly number: number
}

// `arrivals` and `changes` are there for the check alone. The first has all that came in, also what
// the guard by version turned away; the second, filled by triggers, what really changed a parcel.
const schema = `
  CREATE TABLE IF NOT EXISTS parcels (
    key TEXT PRIMARY KEY, version INTEGER NOT NULL, place TEXT NOT NULL, number INTEGER NOT NULL
  ) STRICT;
  CREATE TABLE IF NOT EXISTS arrivals (
    seq INTEGER PRIMARY KEY, key TEXT NOT NULL, version INTEGER NOT NULL, via TEXT NOT NULL
  ) STRICT;
  CREATE TABLE IF NOT EXISTS changes (
    seq INTEGER PRIMARY KEY, key TEXT NOT NULL, version INTEGER NOT NULL
  ) STRICT;
  CREATE TRIGGER IF NOT EXISTS note_insert AFTER INSERT ON parcels BEGIN
    INSERT INTO changes (key, version) VALUES (new.key, new.version);
  END;
  CREATE TRIGGER IF NOT EXISTS note_update AFTER UPDATE ON parcels BEGIN
    INSERT INTO changes (key, version) VALUES (new.key, new.version);
  END;
`

const upsert = `
  INSERT INTO parcels VALUES (?, ?, ?, ?)
  ON CONFLICT (key) DO UPDATE SET
    version = excluded.version, place = excluded.place, number = excluded.number
  WHERE excluded.version > parcels.version
`

/** Makes the table's file, or opens it. Several processes may have it open. */
export function openTable(file: string): DatabaseSync {
  // Whoever finds it locked by another process waits for its turn.
  const table = new DatabaseSync(file, { timeout: 10_000 })
  // Once a target has answered, the queue forgets the record: by then it has to be on the disk (FULL).
  table.exec('PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL')
  table.exec(schema)
  return table
}

/** A target that keeps where each parcel was seen last, guarded by version. */
export function parcelsTable(file: string, via: string): Target<Scan> {
  let opened: OpenTable | undefined
  const table = (): OpenTable => {
    opened ??= new OpenTable(openTable(file), via)
    return opened
  }
  return {
    idempotency: 'version',
    ops: ['put'],
    open: async () => void table(),
    apply: async (records) => {
      const outcomes = table().apply(records)
      await sleep(answerMs)
      return outcomes
    },
    close: async () => opened?.close(),
  }
}

/**
 * How long its answer is under way, as if it came over a network. A process that is killed meanwhile
 * has applied what it cannot ack any more, so that it comes again.
 */
const answerMs = 20

class OpenTable {
  readonly #table: DatabaseSync
  readonly #via: string
  readonly #arrive: StatementSync
  readonly #save: StatementSync
  readonly #held: StatementSync

  constructor(table: DatabaseSync, via: string) {
    this.#table = table
    this.#via = via
    this.#arrive = table.prepare('INSERT INTO arrivals (key, version, via) VALUES (?, ?, ?)')
    this.#save = table.prepare(upsert)
    this.#held = table.prepare('SELECT version FROM parcels WHERE key = ?')
    this.#held.setReadBigInts(true)
  }

  /** A batch in one transaction: all of it is there, or nothing. */
  apply(records: readonly WalRecord<Scan>[]): readonly Outcome[] {
    this.#table.exec('BEGIN IMMEDIATE')
    try {
      const outcomes = records.map((record) => this.#applyOne(record))
      this.#table.exec('COMMIT')
      return outcomes
    } catch (error) {
      if (this.#table.isTransaction) this.#table.exec('ROLLBACK')
      throw error
    }
  }

  #applyOne({ op, key = '', version, payload }: WalRecord<Scan>): Outcome {
    if (op !== 'put') return permanent('not_a_scan', `a ${op} says nothing of where a parcel is`)
    this.#arrive.run(key, version, this.#via)
    const { place, number } = payload
    if (this.#save.run(key, version, place, number).changes === 1) return applied
    // Nothing changed: it has this very version already, or a newer one.
    return this.#held.get(key)?.['version'] === version ? applied : superseded
  }

  close(): void {
    this.#table.close()
  }
}
