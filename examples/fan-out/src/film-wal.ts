import { createWal, fanOut, httpTarget, type } from '@daybook/core'
import type { Film } from './film.ts'
import { directors, library, searchIndex } from './stores.ts'

/** What has to be known to open the log. */
export interface Places {
  readonly directory: string
  /** Where the stores' files are, by their names. */
  fileOf(store: 'library' | 'search' | 'directors'): string
  /** Another company's webhook, and the secret that it has agreed on with us: `whsec_…`. */
  readonly partner: { readonly url: URL; readonly secret: string }
}

/** Opens the log as it was at first: one write, three consumers, each at its own pace. */
export function openFilmWal(places: Places) {
  return createWal({ directory: places.directory, namespaces: { films: fanOut(first(places)) } })
}

/**
 * Opens the same log with one consumer more, which nobody had thought of before. It begins with the oldest
 * record that the log keeps (`retention`), while the others go on where they were.
 */
export function openFilmWalWithDirectors(places: Places) {
  const { targets, ...options } = first(places)
  const more = { ...targets, directors: directors(places.fileOf('directors')) }
  return createWal({
    directory: places.directory,
    namespaces: { films: fanOut({ ...options, targets: more }) },
  })
}

function first({ fileOf, partner }: Places) {
  return {
    payload: type<Film>(),
    order: 'key',
    retention: { time: '30d', bytes: '10gb' },
    targets: {
      library: library(fileOf('library')),
      search: searchIndex(fileOf('search')),
      partner: httpTarget<Film>({ url: partner.url, signing: partner.secret, timeout: '5s' }),
    },
    breaker: { minOpen: '100ms', maxOpen: '500ms' },
  } as const
}
