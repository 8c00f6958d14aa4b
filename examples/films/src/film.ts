import { readFile } from 'node:fs/promises'

/** A film as it reaches us. Nobody has cleaned it: fields are missing, a title may be a number. */
export interface Film {
  readonly title?: string | number | null
  /** `YYYY-MM-DD`. Some are a century late: two-digit years went wrong at the source. */
  readonly released?: string | null
  readonly director?: string | null
  readonly genre?: string | null
  /** 0 to 10. */
  readonly rating?: number | null
  readonly votes?: number | null
  readonly distributor?: string | null
  /** Running time; unknown of most. */
  readonly minutes?: number | null
}

/** Reads the films of the npm package `vega-datasets`, in the order of its file. */
export async function readFilms(): Promise<readonly Film[]> {
  const file = new URL('../data/movies.json', import.meta.resolve('vega-datasets'))
  const entries: readonly MovieEntry[] = JSON.parse(await readFile(file, 'utf8'))
  return entries.map((entry) => ({
    title: entry.Title,
    released: isoDate(entry['Release Date']),
    director: entry.Director,
    genre: entry['Major Genre'],
    rating: entry['IMDB Rating'],
    votes: entry['IMDB Votes'],
    distributor: entry.Distributor,
    minutes: entry['Running Time min'],
  }))
}

/** The fields used here of an entry of movies.json. */
interface MovieEntry {
  readonly Title: string | number | null
  readonly 'Release Date': string
  readonly Director: string | null
  readonly 'Major Genre': string | null
  readonly 'IMDB Rating': number | null
  readonly 'IMDB Votes': number | null
  readonly Distributor: string | null
  readonly 'Running Time min': number | null
}

/** Titles repeat and change, so a film goes by its place in the file: `film-0001`. */
export function filmKey(index: number): string {
  return `film-${String(index + 1).padStart(4, '0')}`
}

const months = ['Jan', 'Feb', 'Mar', 'Apr', 'May', 'Jun', 'Jul', 'Aug', 'Sep', 'Oct', 'Nov', 'Dec']

/** `Jun 12 1998` becomes `1998-06-12`; anything else is passed on for a store to refuse. */
function isoDate(text: string): string {
  const [month = '', day = '', year = ''] = text.split(' ')
  const number = months.indexOf(month) + 1
  return number === 0 ? text : `${year}-${String(number).padStart(2, '0')}-${day.padStart(2, '0')}`
}
