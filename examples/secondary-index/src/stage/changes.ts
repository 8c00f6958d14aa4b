import type { Film } from '../film.ts'

/** What becomes of a film; undefined where it is deleted. */
export interface Change {
  readonly id: string
  readonly film: Film | undefined
}

/**
 * What happens to films: a third change hands, and half of those change back; some get another genre, or lose theirs; some are
 * deleted, and some of these come again.
 */
export function changesOf(films: readonly Film[]): readonly Change[] {
  return films.flatMap((film, at): readonly Change[] => {
    const { id } = film
    const other = films[(at + 1) % films.length]?.director ?? null
    const sold = { ...film, director: other, title: `${film.title} (remade)` }
    if (at % 50 === 11) return [{ id, film: undefined }]
    if (at % 50 === 21) {
      return [
        { id, film: undefined },
        { id, film: sold },
      ]
    }
    if (at % 6 === 1) {
      return [
        { id, film: sold },
        { id, film },
      ]
    }
    if (at % 3 === 1) return [{ id, film: sold }]
    if (at % 9 === 2) return [{ id, film: { ...film, genre: at % 2 === 0 ? null : 'Western' } }]
    return []
  })
}

/** All films after all changes. */
export function filmsAfter(
  films: readonly Film[],
  changes: readonly Change[],
): ReadonlyMap<string, Film> {
  const all = new Map(films.map((film): [string, Film] => [film.id, film]))
  for (const { id, film } of changes) {
    if (film === undefined) all.delete(id)
    else all.set(id, film)
  }
  return all
}
