import { createWal, fanOut, type } from '@daybook/core'
import { cassandraTarget } from '@daybook/target-cassandra'
import { elasticsearchTarget } from '@daybook/target-elasticsearch'
import type { Client as Elasticsearch } from '@elastic/elasticsearch'
import type { Client as Cassandra } from 'cassandra-driver'
import type { Film } from './film.ts'

/**
 * Opens a log that takes each change of a film to two stores. A film is written once; each store gets
 * it at its own pace, whatever happens to the other.
 */
export function openFilmWal(directory: string, cassandra: Cassandra, elasticsearch: Elasticsearch) {
  return createWal({
    directory,
    namespaces: {
      films: fanOut({
        payload: type<Film>(),
        order: 'key',
        targets: {
          cassandra: cassandraTarget({
            client: cassandra,
            table: 'media.films',
            key: ['id'],
            consistency: 'one', // one node here; leave it out where there are three
          }),
          search: elasticsearchTarget({ client: elasticsearch, index: 'films' }),
        },
        breaker: { minOpen: '200ms', maxOpen: '2s' },
      }),
    },
  })
}

/** The log with films in it. */
export type FilmWal = Awaited<ReturnType<typeof openFilmWal>>
