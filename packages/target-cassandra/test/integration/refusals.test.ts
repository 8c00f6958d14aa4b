// needs: cassandra

import { type Service, service } from '@daybook/services'
import type { Client, ClientOptions } from 'cassandra-driver'
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest'
import { cassandraTarget } from '../../src/index.ts'
import { connect, createTables } from '../support/cassandra.ts'
import {
  type Films,
  filmTable,
  keyOfFilm,
  openFilms,
  readFilms,
  writeFilms,
} from '../support/films.ts'
import { outspokenProxy } from '../support/outspoken-proxy.ts'

// A node that asks for a password, looks at rights each time, and takes so many requests in a second.

const seed = Number(process.env['DAYBOOK_SEED'])
const table = 'refusals.films'
const mapped = { table, key: ['shelf', 'id'], keyOf: keyOfFilm }
const superuser = { username: 'cassandra', password: 'cassandra' }
const until = { timeout: 30_000, interval: 50 }

let cassandra: Service
let client: Client
const clients: Client[] = []

beforeAll(async () => {
  const settings = {
    ...{ authenticator: 'PasswordAuthenticator', authorizer: 'CassandraAuthorizer' },
    ...{ permissions_validity: '0ms', roles_validity: '0ms', credentials_validity: '0ms' },
    native_transport_rate_limiting_enabled: 'true',
    native_transport_max_requests_per_second: '100',
  }
  cassandra = await service('cassandra', { instance: 'strict', settings })
  client = clientOf({ credentials: superuser })
  await createTables(client, 'refusals', { films: filmTable })
  await client.execute("CREATE ROLE guest WITH PASSWORD = 'guest' AND LOGIN = true")
})
beforeEach(() => client.execute(`TRUNCATE ${table}`))
afterAll(async () => {
  for (const one of clients.splice(0)) await one.shutdown()
  await cassandra.remove()
})

function clientOf(options: Partial<ClientOptions>, at: { host: string; port: number } = cassandra) {
  const made = connect(at, options)
  clients.push(made)
  return made
}

test('a Cassandra that is overloaded throttles, and costs nobody an attempt', async () => {
  await using proxy = await outspokenProxy(cassandra)
  const through = clientOf({ credentials: superuser }, proxy)
  const target = cassandraTarget<never>({ client: through, ...mapped, maxBatchBytes: 0 })
  const { wal, retries, paused, letters } = await openFilms(target)
  const films: Films = new Map()
  await writeFilms(wal, films, { from: 0, to: 600, seed })
  await wal.start()
  await wal.drain({ timeout: '60s' })
  await wal.close()
  await through.shutdown()
  expect(paused.map(({ reason, code }) => `${reason} ${code}`)).toContain('throttled overloaded')
  expect({ retries, letters }).toEqual({ retries: [], letters: [] })
  expect(await readFilms(client, table)).toEqual(films)
})

test('a wrong password is an outage until it is mended', async () => {
  const wrong = clientOf({ credentials: { username: 'stranger', password: 'strange' } })
  const { wal, retries, paused, letters } = await openFilms(
    cassandraTarget<never>({ client: wrong, ...mapped }),
  )
  const films: Films = new Map()
  await writeFilms(wal, films, { from: 0, to: 20, seed })
  await wal.start()
  await expect.poll(() => paused.length, until).toBeGreaterThan(0)
  expect(paused[0]).toMatchObject({ reason: 'unavailable', message: /username stranger/ })
  await client.execute("CREATE ROLE stranger WITH PASSWORD = 'strange' AND LOGIN = true")
  await client.execute('GRANT ALL ON KEYSPACE refusals TO stranger')
  await wal.drain({ timeout: '30s' })
  await wal.close()
  expect({ retries, letters }).toEqual({ retries: [], letters: [] })
  expect(await readFilms(client, table)).toEqual(films)
})

test('a right that is missing is an outage until it is granted', async () => {
  const guest = clientOf({ credentials: { username: 'guest', password: 'guest' } })
  const { wal, retries, paused, letters } = await openFilms(
    cassandraTarget<never>({ client: guest, ...mapped }),
  )
  const films: Films = new Map()
  await wal.start()
  await writeFilms(wal, films, { from: 0, to: 20, seed })
  await expect.poll(() => paused.map(({ code }) => code), until).toContain('unauthorized')
  await client.execute('GRANT MODIFY ON KEYSPACE refusals TO guest')
  await wal.drain({ timeout: '30s' })
  await wal.close()
  expect({ retries, letters }).toEqual({ retries: [], letters: [] })
  expect(await readFilms(client, table)).toEqual(films)
})
