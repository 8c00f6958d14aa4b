import type { Film } from '../film.ts'
import type { Stores } from '../stores.ts'
import type { StoredFilm, StoreReading } from './check.ts'

/** Reads a table whole. A row's version is the time that its title was written with. */
export async function readCassandra({ cassandra }: Stores): Promise<StoreReading> {
  const films = new Map<string, StoredFilm>()
  const columns = 'id, title, released, director, genre, rating, votes'
  const rows = await cassandra.execute(
    `SELECT ${columns}, writetime(title) AS version FROM media.films`,
    [],
    { prepare: true, fetchSize: 1_000 },
  )
  for await (const row of rows) {
    const { id, title, released, director, genre, rating, votes, version } = row
    const film: Film = { id, title, released: String(released), director, genre, rating, votes }
    films.set(id, { film, version: BigInt(String(version)) })
  }
  return { store: 'Cassandra', films }
}

/** Reads an index whole, a thousand documents at a time. */
export async function readElasticsearch({ elasticsearch }: Stores): Promise<StoreReading> {
  const films = new Map<string, StoredFilm>()
  await elasticsearch.indices.refresh({ index: 'films' })
  let after: string[] | undefined
  for (;;) {
    const { hits } = await elasticsearch.search<Film>({
      ...{ index: 'films', size: 1_000, version: true, sort: [{ id: 'asc' }] },
      ...(after && { search_after: after }),
    })
    for (const { _id = '', _source, _version } of hits.hits) {
      if (_source) films.set(_id, { film: _source, version: BigInt(_version ?? 0) })
    }
    after = hits.hits.at(-1)?.sort as string[] | undefined
    if (after === undefined) return { store: 'Elasticsearch', films }
  }
}
