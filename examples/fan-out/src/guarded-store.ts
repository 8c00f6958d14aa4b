import { DatabaseSync } from 'node:sqlite'
import { applied, type Outcome, superseded, type Target, type WalRecord } from '@daybook/core'
import type { Film } from './film.ts'

// A deleted film leaves its version behind, which keeps an older change out that comes late. `arrivals`
// is there for the check alone: all that came, in its order, also what the version turned away.
const schema = `
  CREATE TABLE IF NOT EXISTS versions (key TEXT PRIMARY KEY, version INTEGER NOT NULL) STRICT;
  CREATE TABLE IF NOT EXISTS arrivals (
    seq INTEGER PRIMARY KEY, key TEXT NOT NULL, version INTEGER NOT NULL
  ) STRICT;
`

const claim = `
  INSERT INTO versions VALUES (?, ?)
  ON CONFLICT (key) DO UPDATE SET version = excluded.version
  WHERE excluded.version > versions.version
`

/** What a store does with a film: `film` is undefined where it was deleted. */
export type Change = (key: string, film: Film | undefined) => void

/**
 * A target on an SQLite database. Whatever `prepare` makes of films, each is changed only by what is newer
 * than its last change.
 */
export function guardedStore(
  file: string,
  tables: string,
  prepare: (store: DatabaseSync) => Change,
): Target<Film> {
  const store = new DatabaseSync(file)
  // Once a target has answered, the log forgets the record: by then it has to be on the disk (FULL).
  store.exec('PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL')
  store.exec(schema + tables)
  const change = prepare(store)
  const arrive = store.prepare('INSERT INTO arrivals (key, version) VALUES (?, ?)')
  const claimVersion = store.prepare(claim)
  const held = store.prepare('SELECT version FROM versions WHERE key = ?')
  held.setReadBigInts(true)

  const applyOne = (record: WalRecord<Film>): Outcome => {
    const { key = '', version } = record
    arrive.run(key, version)
    // Nothing changed: it has this very version already, or a newer one.
    if (claimVersion.run(key, version).changes === 0) {
      return held.get(key)?.['version'] === version ? applied : superseded
    }
    change(key, record.op === 'put' ? record.payload : undefined)
    return applied
  }
  return {
    idempotency: 'version',
    ops: ['put', 'delete'],
    apply: async (records) => inTransaction(store, () => records.map(applyOne)),
    close: async () => store.close(),
  }
}

function inTransaction<T>(store: DatabaseSync, work: () => T): T {
  store.exec('BEGIN IMMEDIATE')
  try {
    const result = work()
    store.exec('COMMIT')
    return result
  } catch (error) {
    if (store.isTransaction) store.exec('ROLLBACK')
    throw error
  }
}
