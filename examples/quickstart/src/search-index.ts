import {
  applied,
  defineTarget,
  type Outcome,
  permanent,
  superseded,
  type Target,
  type WalRecord,
} from '@daybook/core'
import type { Film } from '@daybook/example-films'
import { historyOf } from './history.ts'
import { applyBatch, openStore } from './sqlite.ts'

// The words live in a full-text table, which takes no guard of its own; `documents` holds each
// film's version, and the row's number in `words`.
const schema = `
  CREATE TABLE IF NOT EXISTS documents (
    id INTEGER PRIMARY KEY, key TEXT NOT NULL UNIQUE, version INTEGER NOT NULL
  ) STRICT;
  CREATE VIRTUAL TABLE IF NOT EXISTS words USING fts5 (
    title, director, genre, key UNINDEXED, released UNINDEXED, rating UNINDEXED
  );
`

const claim = `
  INSERT INTO documents (key, version) VALUES (?, ?)
  ON CONFLICT (key) DO UPDATE SET version = excluded.version
  WHERE excluded.version > documents.version
  RETURNING id
`

/** A target that keeps films in a full-text index (SQLite FTS5), guarded by version as well. */
export function searchIndex(file: string): Target<Film> {
  const store = openStore(file, schema + historyOf('documents'))
  const claimVersion = store.prepare(claim)
  const held = store.prepare('SELECT version FROM documents WHERE key = ?')
  const remove = store.prepare('DELETE FROM words WHERE rowid = ?')
  const insert = store.prepare(`
    INSERT INTO words (rowid, title, director, genre, key, released, rating)
    VALUES (?, ?, ?, ?, ?, ?, ?)
  `)
  held.setReadBigInts(true)

  const applyOne = (record: WalRecord<Film>): Outcome => {
    const key = record.key ?? ''
    const refused = record.op === 'put' ? refusal(record.payload) : undefined
    if (refused !== undefined) return refused
    const id = claimVersion.get(key, record.version)?.['id']
    if (id === undefined) {
      return held.get(key)?.['version'] === record.version ? applied : superseded
    }
    remove.run(id)
    if (record.op === 'put') {
      const { title, director, genre, released, rating } = record.payload
      const fields = [title, director, genre, key, released, rating]
      insert.run(id, ...fields.map((field) => field ?? null))
    }
    return applied
  }

  return defineTarget<Film>(async (records) => applyBatch(store, records, applyOne), {
    idempotency: 'version',
    ops: ['put', 'delete'],
    close: async () => store.close(),
  })
}

function refusal({ title }: Film): Outcome | undefined {
  if (title === undefined || title === null)
    return permanent('no_title', 'nothing to index: it has no title')
  if (typeof title === 'number') {
    return permanent('title_is_a_number', `its title is the number ${title}, not text`)
  }
  return undefined
}
