import { randomUUID } from 'node:crypto'
import { type Film, filmKey } from '@daybook/example-films'
import type { Rating } from '../rating.ts'

/** A film, as the story needs it. */
export interface RatedFilm {
  readonly key: string
  /** Its distributor's catalogue comes late, after the first ratings. */
  readonly isLate: boolean
  readonly rating: number | null
}

/** Films from the middle of the collection: among the first hardly any is without a rating. */
export function ratedFilms(films: readonly Film[], late: string): readonly RatedFilm[] {
  return films
    .map((film, index) => ({
      key: filmKey(index),
      isLate: film.distributor === late,
      rating: film.rating ?? null,
    }))
    .slice(1_000, 1_400)
}

/** So many people rate each film, one after the other. They differ a little, but for who says nothing. */
const ratingsOfEach = 5

/** All ratings, in the order in which they are made. */
export function ratingsOf(films: readonly RatedFilm[]): readonly Rating[] {
  return Array.from({ length: ratingsOfEach }, (_, round) =>
    films.map(({ key, rating }) => ({
      id: randomUUID(),
      film: key,
      number: round + 1,
      stars: rating === null ? null : Math.max(1, Math.round(rating) - (round % 3)),
    })),
  ).flat()
}
