// needs: postgresql

import pg from 'pg'
import { expect, test } from 'vitest'
import { type Service, service } from '../../src/index.ts'

async function query(at: Service, sql: string): Promise<unknown[]> {
  const client = new pg.Client({
    host: at.host,
    port: at.port,
    user: 'postgres',
    database: 'postgres',
  })
  client.on('error', () => {}) // the connection of a server that is killed
  await client.connect()
  try {
    return (await client.query(sql)).rows
  } finally {
    await client.end()
  }
}

test('PostgreSQL keeps what it committed over a kill -9, until it is reset', async () => {
  const postgresql = await service('postgresql')
  await postgresql.reset()
  await query(postgresql, 'CREATE TABLE numbers AS SELECT generate_series(1, 1000) AS number')
  await postgresql.kill()
  await postgresql.start()
  const count = 'SELECT count(*)::int AS count FROM numbers'
  expect(await query(postgresql, count)).toEqual([{ count: 1_000 }])
  await query(postgresql, 'CREATE DATABASE another')
  await postgresql.reset()
  await expect(query(postgresql, count)).rejects.toThrow(/"numbers" does not exist/)
  const databases = 'SELECT datname FROM pg_database WHERE NOT datistemplate'
  expect(await query(postgresql, databases)).toEqual([{ datname: 'postgres' }])
})

test('PostgreSQL that was killed with clients at work starts again at once', async () => {
  const postgresql = await service('postgresql')
  const working = query(postgresql, 'SELECT pg_sleep(60)').catch(() => 'ended')
  await query(postgresql, 'SELECT 1')
  await postgresql.kill()
  await postgresql.start()
  expect(await working).toBe('ended')
  expect(await query(postgresql, 'SELECT 1 AS one')).toEqual([{ one: 1 }])
})
