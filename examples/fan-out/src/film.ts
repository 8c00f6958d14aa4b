import { filmKey, readFilms as readRawFilms } from '@daybook/example-films'

/** A film as it is written: whole, so that each consumer takes what it needs. */
export interface Film {
  readonly title: string
  /** `YYYY-MM-DD`. */
  readonly released: string
  readonly director: string | null
  /** 0 to 10. */
  readonly rating: number | null
}

/** The first films of the collection, by key. */
export async function readFilms(count: number): Promise<ReadonlyMap<string, Film>> {
  const films = (await readRawFilms()).slice(0, count)
  return new Map(
    films.map(({ title, released, director, rating }, index) => [
      filmKey(index),
      {
        title: String(title ?? 'Untitled'),
        released: released ?? '',
        director: director ?? null,
        rating: rating ?? null,
      },
    ]),
  )
}
