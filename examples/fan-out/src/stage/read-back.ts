import { DatabaseSync } from 'node:sqlite'
import type { Film } from '../film.ts'
import type { Reading } from './check.ts'

/** Reads the library back, from its films. */
export function readLibrary(file: string): Reading {
  return {
    ...readStore(file, 'library', 'SELECT * FROM films', ({ key: _, ...film }) => film),
    contentOf: (film) => film,
  }
}

/** Reads the search index back, from its words. */
export function readSearch(file: string): Reading {
  return {
    ...readStore(file, 'search', 'SELECT key, title FROM words', ({ title }) => title),
    contentOf: ({ title }) => title,
  }
}

/** Reads back who has directed what. */
export function readDirectors(file: string): Reading {
  return {
    ...readStore(file, 'directors', 'SELECT * FROM directed', ({ director }) => director),
    contentOf: ({ director }) => director ?? undefined,
  }
}

/** What the partner has received: films are what came last of each. */
export function readPartner(file: string): Reading {
  using store = new DatabaseSync(file, { readOnly: true })
  const rows = store.prepare('SELECT key, version, film FROM received ORDER BY seq').all()
  const films = new Map<string, Film>()
  for (const { key, film } of rows) {
    if (film === null) films.delete(String(key))
    else films.set(String(key), JSON.parse(String(film)))
  }
  return {
    consumer: 'partner',
    films,
    arrivals: rows.map(({ key, version }) => ({
      key: String(key),
      version: BigInt(String(version)),
    })),
    contentOf: (film) => film,
  }
}

type Row = Readonly<Record<string, unknown>>

function readStore(
  file: string,
  consumer: string,
  query: string,
  content: (row: Row) => unknown,
): Omit<Reading, 'contentOf'> {
  using store = new DatabaseSync(file, { readOnly: true })
  const rows = store.prepare(query).all() as readonly Row[]
  const arrivals = store.prepare('SELECT key, version FROM arrivals ORDER BY seq')
  // Versions are 64-bit integers; as a JavaScript number the large ones would lose digits.
  arrivals.setReadBigInts(true)
  return {
    consumer,
    films: new Map(rows.map((row) => [String(row['key']), content({ ...row })])),
    arrivals: arrivals.all().map(({ key, version }) => ({
      key: String(key),
      version: version as bigint,
    })),
  }
}
