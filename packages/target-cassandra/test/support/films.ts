import {
  createWal,
  type DeadLetter,
  fanOut,
  memoryQueue,
  type PausedEvent,
  type Queue,
  type RetryEvent,
  type Target,
  type,
} from '@daybook/core'
import { SeededRandom } from '@daybook/core/testing'
import type { Client } from 'cassandra-driver'

export interface Film {
  readonly shelf: number
  readonly id: string
  readonly title?: string
  readonly year?: number
  readonly tags?: readonly string[]
  readonly code?: string
}

/** Columns of a table of films, several of which share a partition. */
export const filmTable =
  '(shelf int, id text, title text, year int, tags set<text>, code ascii, PRIMARY KEY (shelf, id))'

/** The key fields of a film, which its record's key tells: `3/gilda`. */
export function keyOfFilm(key: string): { shelf: number; id: string } {
  const [shelf, id = ''] = key.split('/')
  return { shelf: Number(shelf), id }
}

/** A wal, in memory unless said otherwise, that delivers to the target, and what it told. */
export async function openFilms(target: Target<Film>, queue: Queue = memoryQueue()) {
  const retries: RetryEvent[] = []
  const paused: PausedEvent[] = []
  const letters: DeadLetter[] = []
  const wal = await createWal({
    namespaces: {
      films: fanOut({
        payload: type<Film>(),
        targets: { cassandra: target },
        queue,
        retry: { minDelay: '50ms', maxDelay: '500ms', maxAttempts: 4 },
        breaker: { minOpen: '100ms', maxOpen: '500ms' },
      }),
    },
  })
  wal.on('retry', (event) => retries.push(event))
  wal.on('paused', (event) => paused.push(event))
  wal.on('deadLettered', (letter) => letters.push(letter))
  wal.on('error', () => {})
  return { wal, retries, paused, letters }
}

export type FilmsWal = Awaited<ReturnType<typeof openFilms>>['wal']

/** What a store is to hold, by key. */
export type Films = Map<string, object>

/** Writes random changes of so many keys, and keeps account of what comes of them. */
export async function writeFilms(
  wal: FilmsWal,
  films: Films,
  { from, to, seed }: { from: number; to: number; seed: number },
): Promise<void> {
  const random = new SeededRandom(seed + from)
  for (let n = from; n < to; n++) {
    const key = `${n % 3}/film ${random.integer(0, 30)}`
    const dice = random.next()
    if (dice < 0.15) {
      await wal.delete('films', { key })
      films.delete(key)
    } else if (dice < 0.4) {
      const payload = { title: `${key} again, ${n}` }
      await wal.write('films', { key, op: 'patch', payload })
      films.set(key, { ...films.get(key), ...keyOfFilm(key), ...payload })
    } else {
      const payload: Film = { ...keyOfFilm(key), year: n, ...(n % 2 > 0 && { tags: [`t${n}`] }) }
      await wal.write('films', { key, payload })
      films.set(key, payload)
    }
  }
}

/** What the table holds, in the same shape. */
export async function readFilms(client: Client, table: string): Promise<Films> {
  const { rows } = await client.execute(`SELECT shelf, id, title, year, tags FROM ${table}`)
  return new Map(
    rows.map((row) => [`${row['shelf']}/${row['id']}`, Object.fromEntries(present(row))]),
  )
}

function present(row: object): readonly [string, unknown][] {
  return Object.entries(row).filter(([, value]) => value !== null)
}
