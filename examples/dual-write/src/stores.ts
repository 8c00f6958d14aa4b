import { Client as Elasticsearch } from '@elastic/elasticsearch'
import { Client as Cassandra } from 'cassandra-driver'

/** The clients of both stores. They are the application's: it makes them, and closes them. */
export interface Stores {
  readonly cassandra: Cassandra
  readonly elasticsearch: Elasticsearch
  close(): Promise<void>
}

/** Where a store listens. */
export interface Place {
  readonly host: string
  readonly port: number
}

export function connectStores(cassandra: Place, elasticsearch: Place): Stores {
  const clients = {
    cassandra: new Cassandra({
      contactPoints: [cassandra.host],
      localDataCenter: 'datacenter1',
      protocolOptions: { port: cassandra.port },
      socketOptions: { readTimeout: 5_000 },
    }),
    elasticsearch: new Elasticsearch({
      node: `http://${elasticsearch.host}:${elasticsearch.port}`,
      requestTimeout: 5_000,
    }),
  }
  return {
    ...clients,
    close: async () => {
      await Promise.all([clients.cassandra.shutdown(), clients.elasticsearch.close()])
    },
  }
}

/** Makes the table and the index that the films go into. */
export async function createSchemas({ cassandra, elasticsearch }: Stores): Promise<void> {
  const once = "{ 'class': 'SimpleStrategy', 'replication_factor': 1 }"
  await cassandra.execute(`CREATE KEYSPACE media WITH replication = ${once}`)
  await cassandra.execute(
    `CREATE TABLE media.films (
       id text PRIMARY KEY, title text, released date, director text, genre text, rating double, votes int
     )`,
  )
  const keyword = { type: 'keyword' } as const
  await elasticsearch.indices.create({
    index: 'films',
    settings: { number_of_replicas: 0, number_of_shards: 1 },
    mappings: {
      dynamic: 'strict',
      properties: {
        ...{ id: keyword, title: { type: 'text' }, released: { type: 'date' }, director: keyword },
        ...{ genre: keyword, rating: { type: 'double' }, votes: { type: 'integer' } },
      },
    },
  })
}
