import { isDeepStrictEqual } from 'node:util'
import type { DirectorEntry, Film, GenreEntry } from '../film.ts'
import { indexes } from '../indexes.ts'

/** The tables, as they were read back. */
export interface Reading {
  readonly films: ReadonlyMap<string, Film>
  readonly byDirector: readonly DirectorEntry[]
  readonly byGenre: readonly GenreEntry[]
}

/** Each finding is a sentence; all is right if there is none. */
export interface Findings {
  /** Films that are not as their last change left them. */
  readonly wrong: readonly string[]
  /** Films that an index does not find. */
  readonly missing: readonly string[]
  /** Rows of an index that no film has, or not any more. */
  readonly stale: readonly string[]
  /** Rows of an index that say something else than the film. */
  readonly different: readonly string[]
}

/** Holds the table against what it should be, and each index against the table. */
export function checkTables(reading: Reading, expected: ReadonlyMap<string, Film>): Findings {
  const missing: string[] = []
  const stale: string[] = []
  const different: string[] = []
  for (const index of indexes) {
    const rows: readonly (DirectorEntry | GenreEntry)[] = reading[index.name]
    const nameOf = (row: DirectorEntry | GenreEntry): string => JSON.stringify(index.keyOf(row))
    const found = new Map(rows.map((row) => [nameOf(row), row]))
    for (const film of reading.films.values()) {
      const entry = index.entryOf(film)
      if (entry === undefined) continue
      const row = found.get(nameOf(entry))
      found.delete(nameOf(entry))
      if (row === undefined) missing.push(`${index.name} lacks ${nameOf(entry)}`)
      else if (!isDeepStrictEqual({ ...row }, { ...entry })) {
        different.push(`${index.name} has '${row.title}' for ${film.id}, '${film.title}'`)
      }
    }
    stale.push(...[...found.keys()].map((name) => `${index.name} still has ${name}`))
  }
  return { wrong: wrongFilms(reading.films, expected), missing, stale, different }
}

function wrongFilms(
  films: ReadonlyMap<string, Film>,
  expected: ReadonlyMap<string, Film>,
): readonly string[] {
  const ids = new Set([...films.keys(), ...expected.keys()])
  return [...ids].flatMap((id) => {
    const [film, right] = [films.get(id), expected.get(id)]
    if (isDeepStrictEqual(film, right)) return []
    return `${id} is ${shown(film)}, and should be ${shown(right)}`
  })
}

function shown(film: Film | undefined): string {
  return film === undefined ? 'not there' : `'${film.title}' of ${film.director}, ${film.genre}`
}
