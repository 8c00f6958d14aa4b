import { readFile } from 'node:fs/promises'

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

/** Reads the films of the npm package `vega-datasets`, in the order of its file. */
export async function readFilms(): Promise<readonly Film[]> {
  const file = new URL('../data/movies.json', import.meta.resolve('vega-datasets'))
  const entries: readonly MovieEntry[] = JSON.parse(await readFile(file, 'utf8'))
  return entries.map((entry, index) => ({
    id: `film-${String(index + 1).padStart(4, '0')}`,
    title: String(entry.Title ?? 'Untitled'),
    released: isoDate(entry['Release Date']),
    director: entry.Director,
    genre: entry['Major Genre'],
    rating: entry['IMDB Rating'],
    votes: entry['IMDB Votes'],
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
}

const months = ['Jan', 'Feb', 'Mar', 'Apr', 'May', 'Jun', 'Jul', 'Aug', 'Sep', 'Oct', 'Nov', 'Dec']

/** `Jun 12 1998` becomes `1998-06-12`. */
function isoDate(text: string): string {
  const [month = '', day = '', year = ''] = text.split(' ')
  const number = months.indexOf(month) + 1
  return `${year.padStart(4, '0')}-${String(number).padStart(2, '0')}-${day.padStart(2, '0')}`
}
