// needs: cassandra

import { type Service, service, tcpProxy } from '@daybook/services'
import type { Client } from 'cassandra-driver'
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

const seed = Number(process.env['DAYBOOK_SEED'])
const table = 'faults.films'
const mapped = { table, key: ['shelf', 'id'], keyOf: keyOfFilm }

let cassandra: Service
let client: Client
const clients: Client[] = []

beforeAll(async () => {
  cassandra = await service('cassandra')
  client = clientOf(cassandra)
  await createTables(client, 'faults', { films: filmTable })
})
beforeEach(() => client.execute(`TRUNCATE ${table}`))
afterAll(async () => {
  await client.execute('DROP KEYSPACE faults')
  for (const one of clients.splice(0)) await one.shutdown()
})

function clientOf(...args: Parameters<typeof connect>): Client {
  const made = connect(...args)
  clients.push(made)
  return made
}

const until = { timeout: 30_000, interval: 50 }

test('Cassandra killed under load and started again loses nothing and costs nobody an attempt', async () => {
  const target = cassandraTarget<never>({ client: clientOf(cassandra), ...mapped })
  const { wal, retries, paused, letters } = await openFilms(target)
  const films: Films = new Map()
  await wal.start()
  await writeFilms(wal, films, { from: 0, to: 300, seed })
  const writing = writeFilms(wal, films, { from: 300, to: 900, seed })
  await cassandra.kill()
  await writing
  await expect.poll(() => paused.length, until).toBeGreaterThan(0)
  await cassandra.start()
  await wal.drain({ timeout: '60s' })
  await wal.close()
  expect(paused.filter(({ reason }) => reason === 'failures')).toEqual([])
  expect(paused.map(({ code }) => code)).toContain('no_host')
  expect({ retries, letters }).toEqual({ retries: [], letters: [] })
  expect(await readFilms(client, table)).toEqual(films)
})

test('a Cassandra that stands still is an outage, and goes on where it was', async () => {
  const socketOptions = { readTimeout: 1_000 }
  const target = cassandraTarget<never>({
    client: clientOf(cassandra, { socketOptions }),
    ...mapped,
  })
  const { wal, retries, paused, letters } = await openFilms(target)
  const films: Films = new Map()
  await wal.start()
  await writeFilms(wal, films, { from: 0, to: 50, seed })
  await wal.drain({ timeout: '30s' })
  cassandra.pause()
  try {
    await writeFilms(wal, films, { from: 50, to: 250, seed })
    await expect.poll(() => paused.map(({ code }) => code), until).toContain('no_answer')
  } finally {
    cassandra.resume()
  }
  await wal.drain({ timeout: '60s' })
  await wal.close()
  expect({ retries, letters }).toEqual({ retries: [], letters: [] })
  expect(await readFilms(client, table)).toEqual(films)
})

test('a connection that is cut in the midst of batches loses nothing, and what was applied unheard is applied again', async () => {
  await using proxy = await tcpProxy(cassandra)
  const through = clientOf(proxy)
  const { wal, retries, paused, letters } = await openFilms(
    cassandraTarget<never>({ client: through, ...mapped }),
  )
  const films: Films = new Map()
  await wal.start()
  await writeFilms(wal, films, { from: 0, to: 50, seed })
  await wal.drain({ timeout: '30s' })
  for (let cut = 0; cut < 3; cut++) {
    proxy.hold('down')
    const sent = proxy.passed.up
    await writeFilms(wal, films, { from: 50 + cut * 100, to: 150 + cut * 100, seed })
    await expect.poll(() => proxy.passed.up, until).toBeGreaterThan(sent)
    proxy.cut()
    await proxy.heal()
    await expect.poll(() => paused.length, until).toBeGreaterThan(cut)
    // Else the next cut may find nothing under way but a probe.
    await wal.drain({ timeout: '60s' })
  }
  await wal.close()
  expect(paused.map(({ code }) => code)).toContain('connection_lost')
  expect({ retries, letters }).toEqual({ retries: [], letters: [] })
  expect(await readFilms(client, table)).toEqual(films)
  await through.shutdown()
})

test('rejected rows among good ones of their batches are dead letters at once, and nobody else is', async () => {
  const target = cassandraTarget<never>({ client: clientOf(cassandra), ...mapped })
  const { wal, letters, retries, paused } = await openFilms(target)
  const films: Films = new Map()
  const bad: string[] = []
  for (let n = 0; n < 200; n++) {
    const key = `${n % 3}/${n}`
    const film = { ...keyOfFilm(key), year: n }
    films.set(key, film)
    // What the driver cannot encode, and what the node refuses.
    if (n % 20 === 3) Object.assign(film, { year: 'soon' })
    if (n % 20 === 7) Object.assign(film, { code: 'Ærø' })
    if (n % 20 === 3 || n % 20 === 7) {
      bad.push(key)
      films.delete(key)
    }
    await wal.write('films', { key, payload: film })
  }
  await wal.start()
  await wal.drain({ timeout: '30s' })
  await wal.close()
  expect(letters.map(({ record }) => record?.key).sort()).toEqual(bad.sort())
  expect(new Set(letters.map(({ code }) => code))).toEqual(new Set(['unencodable', 'invalid']))
  expect(letters.every(({ attemptsSpent }) => attemptsSpent === 1)).toBe(true)
  expect({ retries, paused }).toEqual({ retries: [], paused: [] })
  expect(await readFilms(client, table)).toEqual(films)
})
