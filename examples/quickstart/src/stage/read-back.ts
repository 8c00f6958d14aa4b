import { DatabaseSync } from 'node:sqlite'
import type { Film } from '@daybook/example-films'
import type { ChangeName, Content, StoreReading, StoreRow } from './check.ts'
import { changeName } from './check.ts'

/** Reads the films table back. What it should hold is spelled out here, apart from the target. */
export function readDatabase(file: string): StoreReading {
  const columns = 'title, released, director, genre, rating, votes'
  return {
    target: 'database',
    ...readStore(file, `SELECT key, ${columns} FROM films WHERE NOT deleted`),
    contentOf: (film) => [
      ...titleAndDate(film),
      film.director ?? null,
      film.genre ?? null,
      film.rating ?? null,
      film.votes ?? null,
    ],
  }
}

/** Reads the full-text index back, from its words rather than from its list of versions. */
export function readSearch(file: string): StoreReading {
  return {
    target: 'search',
    ...readStore(file, 'SELECT key, title, released, director, genre, rating FROM words'),
    contentOf: (film) => [
      ...titleAndDate(film),
      film.director ?? null,
      film.genre ?? null,
      film.rating ?? null,
    ],
  }
}

function titleAndDate({ title, released }: Film): readonly [string | null, string | null] {
  return [typeof title === 'number' ? String(title) : (title ?? null), released ?? null]
}

/** The changes a store has applied so far; also while the service writes to it. */
export function appliedIn(file: string): ReadonlySet<ChangeName> {
  using store = new DatabaseSync(file, { readOnly: true })
  return new Set(readHistory(store).map(({ key, version }) => changeName(key, version)))
}

/** The titles which a full-text query finds, the best first. */
export function searchTitles(file: string, query: string): readonly string[] {
  using store = new DatabaseSync(file, { readOnly: true })
  return store
    .prepare('SELECT title FROM words WHERE words MATCH ? ORDER BY rank')
    .all(query)
    .map(({ title }) => String(title))
}

function readStore(file: string, query: string): Pick<StoreReading, 'rows' | 'history'> {
  using store = new DatabaseSync(file, { readOnly: true })
  const statement = store.prepare(query)
  statement.setReturnArrays(true)
  const rows = statement.all() as unknown as readonly (readonly [string, ...Content])[]
  return {
    rows: rows.map(([key, ...content]): StoreRow => ({ key, content })),
    history: readHistory(store),
  }
}

function readHistory(store: DatabaseSync): StoreReading['history'] {
  const statement = store.prepare('SELECT key, version FROM history ORDER BY seq')
  // Versions are 64-bit integers; as a JavaScript number the large ones would lose digits.
  statement.setReadBigInts(true)
  return statement
    .all()
    .map(({ key, version }) => ({ key: String(key), version: BigInt(version as bigint) }))
}
