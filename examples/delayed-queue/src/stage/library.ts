import { type Film, filmKey } from '@daybook/example-films'
import type { Stream } from '../stream-store.ts'

/** A stream and where it is from. */
export interface Title {
  readonly key: string
  readonly stream: Stream
  readonly distributor: string | undefined
}

/** What a film's length is taken for where nobody knows it. */
const usualMinutes = 100

/** All films as streams. */
export function libraryOf(films: readonly Film[]): readonly Title[] {
  return films.map((film, index) => ({
    key: filmKey(index),
    stream: {
      title: String(film.title ?? 'Untitled'),
      segments: Math.ceil((film.minutes ?? usualMinutes) / 10),
    },
    distributor: film.distributor ?? undefined,
  }))
}

/** The keys of what a distributor has. */
export function keysOf(library: readonly Title[], ...distributors: readonly string[]): string[] {
  return library
    .filter(({ distributor = '' }) => distributors.includes(distributor))
    .map(({ key }) => key)
}
