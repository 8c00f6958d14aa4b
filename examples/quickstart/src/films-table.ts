import {
  applied,
  defineTarget,
  type Outcome,
  superseded,
  type Target,
  type WalRecord,
} from '@daybook/core'
import type { Film } from '@daybook/example-films'
import { historyOf } from './history.ts'
import { applyBatch, openStore } from './sqlite.ts'

// A deleted film leaves its row behind, emptied and marked: the row's version keeps an older
// change that arrives late from bringing the film back.
const schema = `
  CREATE TABLE IF NOT EXISTS films (
    key TEXT PRIMARY KEY,
    version INTEGER NOT NULL,
    deleted INTEGER NOT NULL,
    title TEXT CONSTRAINT film_has_a_title CHECK (deleted OR title IS NOT NULL),
    released TEXT CONSTRAINT released_before_2012 CHECK (deleted OR released < '2012'),
    director TEXT, genre TEXT, rating REAL, votes INTEGER
  ) STRICT;
`

const upsert = `
  INSERT INTO films VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)
  ON CONFLICT (key) DO UPDATE SET
    version = excluded.version, deleted = excluded.deleted,
    title = excluded.title, released = excluded.released, director = excluded.director,
    genre = excluded.genre, rating = excluded.rating, votes = excluded.votes
  WHERE excluded.version > films.version
`

/**
 * A target that keeps films in a table of an SQLite database. Each row remembers the version it
 * was written with, so that applying a change twice, or too late, changes nothing.
 */
export function filmsTable(file: string): Target<Film> {
  const store = openStore(file, schema + historyOf('films'))
  const save = store.prepare(upsert)
  const held = store.prepare('SELECT version FROM films WHERE key = ?')
  held.setReadBigInts(true)

  const applyOne = (record: WalRecord<Film>): Outcome => {
    const key = record.key ?? ''
    const { changes } = save.run(key, record.version, ...columns(record))
    if (changes === 1) return applied
    // Nothing changed: we have this very version already, or a newer one.
    return held.get(key)?.['version'] === record.version ? applied : superseded
  }

  return defineTarget<Film>(async (records) => applyBatch(store, records, applyOne), {
    idempotency: 'version',
    ops: ['put', 'delete'],
    close: async () => store.close(),
  })
}

function columns(record: WalRecord<Film>): readonly (string | number | null)[] {
  if (record.op !== 'put') return [1, null, null, null, null, null, null]
  const { title, released, director, genre, rating, votes } = record.payload
  const text = title === undefined || title === null ? null : String(title)
  return [0, text, released ?? null, director ?? null, genre ?? null, rating ?? null, votes ?? null]
}
