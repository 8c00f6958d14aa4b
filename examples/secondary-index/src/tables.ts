import driver, { type Client } from 'cassandra-driver'
import type { DirectorEntry, Film, GenreEntry } from './film.ts'

/** Where Cassandra listens. */
export interface Place {
  readonly host: string
  readonly port: number
}

/**
 * Reads ask a quorum of the replicas, as writes do where nothing else is said (the targets' default is
 * `localQuorum`): then a read meets at least one replica that has the last write. The driver asks one replica by
 * default (`localOne`), and that may not have it yet: the row before a change would be an old one, and its index row would stay.
 */
const reading = {
  prepare: true,
  consistency: driver.types.consistencies.localQuorum,
} as const

export function connect({ host, port }: Place): Client {
  return new driver.Client({
    contactPoints: [host],
    localDataCenter: 'datacenter1',
    protocolOptions: { port },
  })
}

/** The table as it was before anybody thought of indexes. */
export async function createTable(client: Client): Promise<void> {
  const once = "{ 'class': 'SimpleStrategy', 'replication_factor': 1 }"
  await client.execute('DROP KEYSPACE IF EXISTS catalogue')
  await client.execute(`CREATE KEYSPACE catalogue WITH replication = ${once}`)
  await client.execute(
    'CREATE TABLE catalogue.films (id text PRIMARY KEY, title text, director text, genre text)',
  )
}

export async function createIndexTables(client: Client): Promise<void> {
  for (const what of ['director', 'genre']) {
    await client.execute(
      `CREATE TABLE catalogue.films_by_${what} (${what} text, id text, title text, PRIMARY KEY (${what}, id))`,
    )
  }
}

/** Writes films as an application did that knew nothing of Daybook. */
export async function fillTable(client: Client, films: readonly Film[]): Promise<void> {
  const query = 'INSERT INTO catalogue.films (id, title, director, genre) VALUES (?, ?, ?, ?)'
  const rows = films.map(({ id, title, director, genre }) => [id, title, director, genre])
  await driver.concurrent.executeConcurrent(client, query, rows, { concurrencyLevel: 64 })
}

export async function readFilm(client: Client, id: string): Promise<Film | undefined> {
  const query = 'SELECT id, title, director, genre FROM catalogue.films WHERE id = ?'
  const { rows } = await client.execute(query, [id], reading)
  return rows[0] && filmFrom(rows[0])
}

/** A film, and when its row was written. */
export interface WrittenFilm {
  readonly film: Film
  /** The latest time of its columns, in microseconds. */
  readonly writtenAt: bigint
  /** Where it stands among all rows. */
  readonly token: string
}

/** The next films of the whole table, in the order of their tokens. */
export async function readPage(
  client: Client,
  after: string | undefined,
  limit: number,
): Promise<readonly WrittenFilm[]> {
  const times = ['title', 'director', 'genre'].map((name) => `writetime(${name}) AS ${name}_at`)
  const { rows } = await client.execute(
    `SELECT id, title, director, genre, token(id) AS place, ${times.join(', ')} FROM catalogue.films ` +
      `${after === undefined ? '' : 'WHERE token(id) > ? '}LIMIT ?`,
    [...(after === undefined ? [] : [after]), limit],
    reading,
  )
  return rows.map((row) => ({
    film: filmFrom(row),
    writtenAt: latest([row['title_at'], row['director_at'], row['genre_at']]),
    token: String(row['place']),
  }))
}

/** The index by director, and that by genre, whole. */
export async function readIndexes(client: Client): Promise<{
  readonly byDirector: readonly DirectorEntry[]
  readonly byGenre: readonly GenreEntry[]
}> {
  const rowsOf = async <E extends object>(what: string): Promise<readonly E[]> => {
    const query = `SELECT ${what}, id, title FROM catalogue.films_by_${what}`
    const { rows } = await client.execute(query, [], { ...reading, fetchSize: 10_000 })
    return rows.map((row): E => ({ ...row }) as object as E)
  }
  return { byDirector: await rowsOf('director'), byGenre: await rowsOf('genre') }
}

export async function readFilmTable(client: Client): Promise<ReadonlyMap<string, Film>> {
  const query = 'SELECT id, title, director, genre FROM catalogue.films'
  const { rows } = await client.execute(query, [], { ...reading, fetchSize: 10_000 })
  return new Map(rows.map((row): [string, Film] => [String(row['id']), filmFrom(row)]))
}

function filmFrom(row: Readonly<Record<string, unknown>>): Film {
  const text = (name: string): string | null =>
    row[name] === null || row[name] === undefined ? null : String(row[name])
  const [director, genre] = [text('director'), text('genre')]
  return { id: String(row['id']), title: String(row['title']), director, genre }
}

/** A column without a value was never written. */
function latest(times: readonly unknown[]): bigint {
  const all = times.map((time) => BigInt(String(time ?? 0)))
  return all.sort((one, other) => (one < other ? -1 : 1)).at(-1) ?? 0n
}
