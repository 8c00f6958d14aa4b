import type { Film, Place } from './conformance-subject.ts'

/** All that an index holds, by id: what a search finds after a refresh. */
export async function heldFilms({ client, index }: Place): Promise<ReadonlyMap<string, Film>> {
  await client.indices.refresh({ index })
  const { hits } = await client.search<Film>({ index, size: 10_000 })
  return new Map(hits.hits.flatMap(({ _id = '', _source }) => (_source ? [[_id, _source]] : [])))
}
