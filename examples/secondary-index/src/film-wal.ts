import { createWal, multiPartitionMutation, type } from '@daybook/core'
import { cassandraTarget } from '@daybook/target-cassandra'
import type { Client } from 'cassandra-driver'
import type { DirectorEntry, Film, GenreEntry } from './film.ts'

/** Whatever one of the tables takes. */
export type Row = Film | DirectorEntry | GenreEntry

/** Opens a log that keeps a table of films and its two indexes: a target for each table. */
export function openFilmWal(directory: string, client: Client) {
  // At a quorum, as no consistency is given: what is read at a quorum then has what was applied.
  const table = (name: string, key: readonly string[]) =>
    cassandraTarget<Row>({ client, table: `catalogue.${name}`, key })
  return createWal({
    directory,
    namespaces: {
      films: multiPartitionMutation({
        payload: type<Row>(),
        targets: {
          films: table('films', ['id']),
          byDirector: table('films_by_director', ['director', 'id']),
          byGenre: table('films_by_genre', ['genre', 'id']),
        },
        concurrency: 16,
      }),
    },
  })
}

/** The log with films and index rows in it. */
export type FilmWal = Awaited<ReturnType<typeof openFilmWal>>
