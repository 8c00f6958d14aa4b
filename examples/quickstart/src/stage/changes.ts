import { type Film, filmKey } from '@daybook/example-films'

/** What somebody out there asks the service for. */
export type Change =
  | { readonly op: 'put'; readonly key: string; readonly film: Film }
  | { readonly op: 'delete'; readonly key: string }

/** The title an editor gives late to the film called 300, which came in as a number. */
export const correctedTitle = '300'

/**
 * Every film once, in its order, and in between what happens to films later on: new ratings, twice
 * in a row; deletions, of which some are taken back; and one correction by an editor.
 */
export function changesOf(films: readonly Film[]): readonly Change[] {
  const timed: { readonly at: number; readonly change: Change }[] = []
  const plan = (at: number, change: Change): void => void timed.push({ at, change })

  films.forEach((film, index) => {
    const key = filmKey(index)
    plan(index, { op: 'put', key, film })
    if (film.title === Number(correctedTitle)) {
      plan(index + 40, { op: 'put', key, film: { ...film, title: correctedTitle } })
    }
    if (!isUsual(film)) return
    if (index % 20 === 7) {
      for (const round of [1, 2]) {
        plan(index + 30 * round, { op: 'put', key, film: withMoreVotes(film, round) })
      }
    }
    if (index % 50 === 11) plan(index + 60, { op: 'delete', key })
    if (index % 100 === 11) plan(index + 90, { op: 'put', key, film })
  })
  // Sorting keeps the order of what falls on the same place.
  return timed.sort((a, b) => a.at - b.at).map(({ change }) => change)
}

/** Leaves out the few that a store refuses, so that each of them is refused once. */
function isUsual({ title, released }: Film): boolean {
  return typeof title === 'string' && typeof released === 'string' && released < '2012'
}

function withMoreVotes(film: Film, round: number): Film {
  const rating = Math.round(((film.rating ?? 6) + 0.1 * round) * 10) / 10
  return { ...film, rating, votes: (film.votes ?? 0) + 100 * round }
}
