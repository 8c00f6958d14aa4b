import { service } from '@daybook/services'
import { cassandraTarget } from '@daybook/target-cassandra'
import driver, { type Client } from 'cassandra-driver'
import type { BenchStore, Item, Pace, Payload, StoreRound } from '../store.ts'

/** Statements of one call that are under way at once, on both sides. */
const statementsOfCall = 64

const columns = '(id text PRIMARY KEY, title text, year int, rating double, synopsis text)'

/** Cassandra, whose commit log is synced for each write: a prepared insert for each item, on both sides. */
export const cassandra: BenchStore = {
  name: 'cassandra',
  about:
    'Cassandra with commitlog_sync batch, cassandra-driver, executeConcurrent of an insert with a timestamp, ' +
    `${statementsOfCall} statements of a call at once`,
  async open(pace) {
    const server = await service('cassandra', { instance: 'bench' })
    const client = new driver.Client({
      contactPoints: [server.host],
      localDataCenter: 'datacenter1',
      protocolOptions: { port: server.port },
      socketOptions: { readTimeout: 60_000 }, // counting takes a while
    })
    const replication = "{ 'class': 'SimpleStrategy', 'replication_factor': 1 }"
    await client.execute(`CREATE KEYSPACE bench WITH replication = ${replication}`)
    let rounds = 0
    return {
      async round() {
        if (rounds > 0) await client.execute(`DROP TABLE bench.round_${rounds}`)
        const table = `bench.round_${++rounds}`
        await client.execute(`CREATE TABLE ${table} ${columns}`)
        return roundOn(client, table, pace)
      },
      async close() {
        await client.shutdown()
        await server.remove()
      },
    }
  },
}

function roundOn(client: Client, table: string, { concurrency }: Pace): StoreRound {
  const insert =
    `INSERT INTO ${table} (id, title, year, rating, synopsis) ` +
    'VALUES (?, ?, ?, ?, ?) USING TIMESTAMP ?'
  return {
    target: cassandraTarget<Payload>({
      ...{ client, table, key: ['id'] },
      concurrency: statementsOfCall * concurrency,
    }),
    async writeBatch(items, firstVersion) {
      const rows = items.map((item, at) => rowOf(item, Number(firstVersion) + at))
      await driver.concurrent.executeConcurrent(client, insert, rows, {
        concurrencyLevel: statementsOfCall, // it ends with the first error
      })
    },
    async count() {
      const { rows } = await client.execute(`SELECT COUNT(*) FROM ${table}`)
      return Number(rows[0]?.['count'])
    },
  }
}

function rowOf({ key, payload }: Item, version: number): unknown[] {
  const { title, year, rating, synopsis } = payload
  return [key, title, year, rating, synopsis, version]
}
