import type { Film } from '../film.ts'

/** What happens to a film, as its source tells it. */
export type Change =
  | { readonly op: 'put'; readonly film: Film }
  | { readonly op: 'delete'; readonly id: string }

/**
 * Every film once, and in between what happens to films later on: new ratings, twice in a row;
 * deletions, of which half are taken back.
 */
export function changesOf(films: readonly Film[]): readonly Change[] {
  const planned = films.flatMap((film, at) => {
    const changes: { readonly at: number; readonly change: Change }[] = [
      { at, change: { op: 'put', film } },
    ]
    if (at % 20 === 7) {
      for (const round of [1, 2]) {
        changes.push({ at: at + 30 * round, change: { op: 'put', film: rated(film, round) } })
      }
    }
    if (at % 50 === 11) changes.push({ at: at + 60, change: { op: 'delete', id: film.id } })
    if (at % 100 === 11) changes.push({ at: at + 90, change: { op: 'put', film } })
    return changes
  })
  // Sorting keeps the order of what falls on the same place.
  return planned.sort((a, b) => a.at - b.at).map(({ change }) => change)
}

export function idOf(change: Change): string {
  return change.op === 'put' ? change.film.id : change.id
}

function rated(film: Film, round: number): Film {
  const rating = Math.round(((film.rating ?? 6) + 0.1 * round) * 10) / 10
  return { ...film, rating, votes: (film.votes ?? 0) + 100 * round }
}
