import { filmKey, readFilms as readRawFilms } from '@daybook/example-films'

/** A film, as its table keeps it. */
export interface Film {
  readonly id: string
  readonly title: string
  readonly director: string | null
  readonly genre: string | null
}

/** A row of the index by director: its key is what is looked for, and whose row it is. */
export interface DirectorEntry {
  readonly director: string
  readonly id: string
  readonly title: string
}

/** A row of the index by genre. */
export interface GenreEntry {
  readonly genre: string
  readonly id: string
  readonly title: string
}

/** Reads all films, in such a form that the table can take them. */
export async function readFilms(): Promise<readonly Film[]> {
  const films = await readRawFilms()
  return films.map(({ title, director, genre }, index) => ({
    id: filmKey(index),
    title: String(title ?? 'Untitled'),
    director: director ?? null,
    genre: genre ?? null,
  }))
}
