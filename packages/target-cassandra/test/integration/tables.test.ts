// needs: cassandra

import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileQueue } from '@daybook/core'
import { type Service, service } from '@daybook/services'
import type { Client } from 'cassandra-driver'
import { afterAll, beforeAll, expect, onTestFinished, test } from 'vitest'
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
const mapped = { key: ['shelf', 'id'], keyOf: keyOfFilm }
const until = { timeout: 30_000, interval: 50 }

let cassandra: Service
let client: Client

async function temporaryDirectory(): Promise<string> {
  const directory = await mkdtemp(join(tmpdir(), 'daybook-cassandra-'))
  onTestFinished(() => rm(directory, { recursive: true, force: true }))
  return directory
}

beforeAll(async () => {
  cassandra = await service('cassandra')
  client = connect(cassandra)
  await createTables(client, 'tables', { dropped: filmTable, grown: filmTable })
})
afterAll(async () => {
  await client.execute('DROP KEYSPACE tables')
  await client.shutdown()
})

test.each([
  ['a keyspace', 'nowhere.films'],
  ['a table', 'tables.late'],
])('%s that is missing is an outage until it is made', async (_, table) => {
  const { wal, retries, paused, letters } = await openFilms(
    cassandraTarget<never>({ client, table, ...mapped }),
  )
  const films: Films = new Map()
  await writeFilms(wal, films, { from: 0, to: 40, seed })
  await wal.start()
  await expect.poll(() => paused.length, until).toBeGreaterThan(0)
  expect(paused[0]).toMatchObject({
    reason: 'unavailable',
    message: expect.stringContaining(`there is no table ${table}`),
  })
  if (table.startsWith('nowhere')) await createTables(client, 'nowhere', { films: filmTable })
  else await client.execute(`CREATE TABLE ${table} ${filmTable}`)
  await wal.drain({ timeout: '30s' })
  await wal.close()
  expect({ retries, letters }).toEqual({ retries: [], letters: [] })
  expect(await readFilms(client, table)).toEqual(films)
  if (table.startsWith('nowhere')) await client.execute('DROP KEYSPACE nowhere')
})

test('a replay of what is older than the table remembers its deletes is refused, unless it is forced', async () => {
  const table = 'tables.forgetful'
  await client.execute(`CREATE TABLE ${table} ${filmTable} WITH gc_grace_seconds = 1`)
  const target = cassandraTarget<never>({ client, table, ...mapped })
  const { wal } = await openFilms(target, fileQueue({ directory: await temporaryDirectory() }))
  const films: Films = new Map()
  await writeFilms(wal, films, { from: 0, to: 40, seed })
  const replay = (options: object) => wal.replay('films', { target: 'cassandra', ...options })
  await client.execute(`ALTER TABLE ${table} WITH gc_grace_seconds = 60`)
  expect(await replay({})).toMatchObject({ complete: true })
  await client.execute(`ALTER TABLE ${table} WITH gc_grace_seconds = 1`)
  await new Promise((resolve) => setTimeout(resolve, 1_100))
  await expect(replay({})).rejects.toMatchObject({ code: 'ERR_REPLAY_TOO_OLD' })
  expect(await replay({ force: true })).toMatchObject({ complete: true })
  await wal.start()
  await wal.drain({ timeout: '30s' })
  await wal.close()
  expect(await readFilms(client, table)).toEqual(films)
})

test('a table that is dropped under a target is an outage, and costs no attempt until it is back', async () => {
  const table = 'tables.dropped'
  const target = cassandraTarget<never>({ client, table, ...mapped })
  const { wal, retries, paused, letters } = await openFilms(target)
  const films: Films = new Map()
  await wal.start()
  await writeFilms(wal, films, { from: 0, to: 40, seed })
  await wal.drain({ timeout: '30s' })
  await client.execute(`DROP TABLE ${table}`)
  films.clear()
  await writeFilms(wal, films, { from: 40, to: 80, seed })
  await expect.poll(() => paused.map(({ code }) => code), until).toContain('table_mismatch')
  await client.execute(`CREATE TABLE ${table} ${filmTable}`)
  await wal.drain({ timeout: '30s' })
  await wal.close()
  expect({ retries, letters }).toEqual({ retries: [], letters: [] })
  expect(await readFilms(client, table)).toEqual(films)
})

test('a column that is added while a target is at work is filled, and one that is dropped is a dead letter with its name', async () => {
  const table = 'tables.grown'
  const target = cassandraTarget<never>({ client, table, ...mapped })
  const { wal, letters } = await openFilms(target)
  await wal.start()
  await wal.write('films', { key: '1/a', payload: { shelf: 1, id: 'a', code: 'x' } })
  await wal.drain({ timeout: '30s' })
  const unknown = { shelf: 1, id: 'b', director: 'Lang' }
  await expect(wal.write('films', { key: '1/b', payload: unknown })).rejects.toThrow(/director/)
  await client.execute(`ALTER TABLE ${table} ADD director text`)
  await expect
    .poll(
      () =>
        wal.tryWrite('films', { key: '1/b', payload: unknown }).then(
          (it) => it.durable,
          () => 'no',
        ),
      until,
    )
    .toBe('yes')
  await wal.drain({ timeout: '30s' })
  await client.execute(`ALTER TABLE ${table} DROP code`)
  await wal.write('films', { key: '1/c', payload: { shelf: 1, id: 'c', code: 'y' } })
  await wal.write('films', { key: '1/d', payload: { shelf: 1, id: 'd', year: 1931 } })
  await wal.drain({ timeout: '30s' })
  await wal.close()
  const { rows } = await client.execute(`SELECT id, director, year FROM ${table}`)
  expect(rows.map((row) => ({ ...row }))).toEqual([
    { id: 'a', director: null, year: null },
    { id: 'b', director: 'Lang', year: null },
    { id: 'd', director: null, year: 1931 },
  ])
  expect(letters.map(({ code, message }) => `${code}: ${message}`)).toEqual([
    expect.stringMatching(/^unknown_field: Field code/),
  ])
})
