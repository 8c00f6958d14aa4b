// needs: cassandra

import driver from 'cassandra-driver'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { type Service, service } from '../../src/index.ts'

let cassandra: Service
let client: driver.Client

beforeEach(async () => {
  cassandra = await service('cassandra')
  await cassandra.reset()
  client = connect()
  await client.connect()
})
afterEach(() => client.shutdown())

function connect(): driver.Client {
  return new driver.Client({
    contactPoints: [cassandra.host],
    localDataCenter: 'datacenter1',
    protocolOptions: { port: cassandra.port },
  })
}

async function createTable(): Promise<void> {
  const replication = "{ 'class': 'SimpleStrategy', 'replication_factor': 1 }"
  await client.execute(`CREATE KEYSPACE films WITH replication = ${replication}`)
  await client.execute('CREATE TABLE films.titles (id int PRIMARY KEY, title text)')
}

test('Cassandra keeps what it acknowledged over a kill -9', async () => {
  await createTable()
  const ids = Array.from({ length: 200 }, (_, id) => id)
  const insert = 'INSERT INTO films.titles (id, title) VALUES (?, ?)'
  await Promise.all(ids.map((id) => client.execute(insert, [id, `title ${id}`], { prepare: true })))
  await client.shutdown()
  await cassandra.kill()
  await cassandra.start()
  client = connect()
  const { rows } = await client.execute('SELECT id, title FROM films.titles')
  const found = new Map(rows.map((row) => [row['id'], row['title']]))
  expect(found).toEqual(new Map(ids.map((id) => [id, `title ${id}`])))
})

test('a write with an older timestamp changes nothing in Cassandra', async () => {
  await createTable()
  const insert = (title: string, timestamp: number): Promise<unknown> =>
    client.execute(
      `INSERT INTO films.titles (id, title) VALUES (1, ?) USING TIMESTAMP ${timestamp}`,
      [title],
    )
  await insert('newer', 2)
  await insert('older', 1)
  const { rows } = await client.execute('SELECT title FROM films.titles WHERE id = 1')
  expect(rows[0]?.['title']).toBe('newer')
})

test('a reset Cassandra has no keyspaces but its own', async () => {
  await createTable()
  await cassandra.reset()
  const { rows } = await client.execute('SELECT keyspace_name FROM system_schema.keyspaces')
  expect(rows.map((row) => row['keyspace_name'])).not.toContain('films')
})

test('a paused Cassandra answers nobody, and goes on where it was', async () => {
  await createTable()
  cassandra.pause()
  const options = { readTimeout: 500, isIdempotent: false }
  await expect(client.execute('SELECT * FROM films.titles', [], options)).rejects.toThrow(
    /did not reply/,
  )
  cassandra.resume()
  await client.execute('SELECT * FROM films.titles')
})
