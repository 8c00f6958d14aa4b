import type { Film } from '../film.ts'

/** What happens to a film. */
export type Change =
  | { readonly op: 'put'; readonly key: string; readonly film: Film }
  | { readonly op: 'delete'; readonly key: string }

/**
 * Every film once, and in between what happens to films later on: new ratings, twice in a row; deletions, of
 * which half are taken back.
 */
export function changesOf(films: ReadonlyMap<string, Film>): readonly Change[] {
  const planned = [...films].flatMap(([key, film], at) => {
    const put = (later: number, rating: number | null = film.rating) => ({
      at: at + later,
      change: { op: 'put', key, film: { ...film, rating } } as const,
    })
    return [
      put(0),
      ...(at % 20 === 7 ? [put(30, rated(film, 1)), put(60, rated(film, 2))] : []),
      ...(at % 50 === 11 ? [{ at: at + 60, change: { op: 'delete', key } as const }] : []),
      ...(at % 100 === 11 ? [put(90)] : []),
    ]
  })
  // Sorting keeps the order of what falls on the same place.
  return planned.sort((a, b) => a.at - b.at).map(({ change }) => change)
}

function rated({ rating }: Film, round: number): number {
  return Math.round(((rating ?? 6) + 0.1 * round) * 10) / 10
}
