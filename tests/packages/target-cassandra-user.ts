// What somebody who installed @daybook/target-cassandra would write: typed, and run against the packed files.

import { createWal, fanOut, memoryQueue, type } from '@daybook/core'
import {
  type CassandraClient,
  cassandraTarget,
  cassandraTransactionStore,
  cassandraTransactionTables,
} from '@daybook/target-cassandra'
import { Client } from 'cassandra-driver'

interface Title {
  readonly id: string
  readonly year: number
}

const real = new Client({ contactPoints: ['127.0.0.1'], localDataCenter: 'dc1' })
const byHand = cassandraTarget<Title>({
  client: real,
  consistency: 'eachQuorum',
  statement: ({ key, payload }) => ({
    query: 'UPDATE media.titles SET year = ? WHERE id = ?',
    params: [payload?.year, key],
  }),
})
if (byHand.idempotency !== 'version') throw new Error(`idempotency: ${byHand.idempotency}`)

const columns = [
  { column_name: 'id', kind: 'partition_key', type: 'text' },
  { column_name: 'year', kind: 'regular', type: 'int' },
]
const sent: unknown[][] = []
const client: CassandraClient = {
  connect: async () => {},
  async execute(query, params = []) {
    if (query.includes('system_schema.tables')) return { rows: [{ gc_grace_seconds: 864_000 }] }
    if (query.includes('system_schema.columns')) return { rows: columns }
    sent.push(params)
    return {}
  },
  batch: async () => {},
}
const wal = await createWal({
  namespaces: {
    titles: fanOut({
      payload: type<Title>(),
      queue: memoryQueue(),
      targets: { cassandra: cassandraTarget({ client, table: 'media.titles', key: ['id'] }) },
    }),
  },
})
await wal.start()
const payload = { id: 'tt0038787', year: 1946 }
const { version } = await wal.namespace('titles').write({ key: payload.id, payload })
await wal.drain({ timeout: '20s' })
await wal.close()
const expected = JSON.stringify([['tt0038787', 1946, version.toString()]])
if (JSON.stringify(sent) !== expected) throw new Error(`sent: ${JSON.stringify(sent)}`)

const tables = cassandraTransactionTables('media.sets')
if (tables.length !== 4) throw new Error(`${tables.length} tables`)
const store = cassandraTransactionStore({ client: real, namespace: 'titles', table: 'media.sets' })
await store.close()
