import { filmKey, readFilms as readRawFilms } from '@daybook/example-films'

/** A film as both stores keep it. */
export interface Film {
  readonly id: string
  readonly title: string
  /** `YYYY-MM-DD`. */
  readonly released: string
  readonly director: string | null
  readonly genre: string | null
  /** 0 to 10. */
  readonly rating: number | null
  readonly votes: number | null
}

/** Reads all films, in such a form that both stores can take them. */
export async function readFilms(): Promise<readonly Film[]> {
  const films = await readRawFilms()
  return films.map(({ title, released, director, genre, rating, votes }, index) => ({
    id: filmKey(index),
    title: String(title ?? 'Untitled'),
    released: released ?? '',
    director: director ?? null,
    genre: genre ?? null,
    rating: rating ?? null,
    votes: votes ?? null,
  }))
}
