import type { DirectorEntry, Film, GenreEntry } from './film.ts'

/** A table that finds films by something else than their ids. */
export interface Index<E extends DirectorEntry | GenreEntry = DirectorEntry | GenreEntry> {
  readonly name: 'byDirector' | 'byGenre'
  /** The row of a film; undefined for one that is not to be found by this. */
  entryOf(film: Film): E | undefined
  /** What tells a row of this table from the others. */
  keyOf(entry: E): Partial<E>
}

const byDirector: Index<DirectorEntry> = {
  name: 'byDirector',
  entryOf: ({ id, title, director }) => (director ? { director, id, title } : undefined),
  keyOf: ({ director, id }) => ({ director, id }),
}

const byGenre: Index<GenreEntry> = {
  name: 'byGenre',
  entryOf: ({ id, title, genre }) => (genre ? { genre, id, title } : undefined),
  keyOf: ({ genre, id }) => ({ genre, id }),
}

/** The indexes, of which each is a table of its own. */
export const indexes = [byDirector, byGenre] as readonly Index[]

/** What has to be done to an index when a film changes: a row that goes, and one that is put. */
export interface IndexChange {
  readonly removed: Partial<DirectorEntry | GenreEntry> | undefined
  readonly put: DirectorEntry | GenreEntry | undefined
}

export function changeOf(
  { entryOf, keyOf }: Index,
  before: Film | undefined,
  now: Film | undefined,
): IndexChange {
  const old = before && entryOf(before)
  const put = now && entryOf(now)
  const isSame = old && put && JSON.stringify(keyOf(old)) === JSON.stringify(keyOf(put))
  return { removed: old && !isSame ? keyOf(old) : undefined, put }
}
