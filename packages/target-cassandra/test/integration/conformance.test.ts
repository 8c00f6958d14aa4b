// needs: cassandra

import { runConformance, targetConformance } from '@daybook/core/testing'
import { type Service, service } from '@daybook/services'
import type { Client } from 'cassandra-driver'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { expectKept } from '../../../../tests/support/expect-kept.ts'
import { type CassandraTargetOptions, cassandraTarget } from '../../src/index.ts'
import { broken, brokenClients } from '../support/broken-clients.ts'
import { connect, createTables } from '../support/cassandra.ts'

interface Film {
  readonly title?: string
  readonly year?: number
  readonly tags?: readonly string[]
  readonly facts?: Readonly<Record<string, number>>
  readonly cast?: readonly string[]
}

const seed = Number(process.env['DAYBOOK_SEED'])
const columns =
  'title text, year int, tags set<text>, facts map<text, int>, "cast" frozen<list<text>>'

let cassandra: Service
let client: Client
let stores = 0

beforeAll(async () => {
  cassandra = await service('cassandra')
  client = connect(cassandra)
  await client.connect()
  await createTables(client, 'conformance', {
    films: `(store int, id text, ${columns}, PRIMARY KEY (store, id))`,
    apart: `(store int, id text, ${columns}, PRIMARY KEY ((store, id)))`,
  })
})
afterAll(async () => {
  await client.execute('DROP KEYSPACE conformance')
  await client.shutdown()
})

/** A store of its own is a number of its own in the primary key, which comes from the record's key. */
function subject(table: string, options: Partial<CassandraTargetOptions<Film>> = {}) {
  const store = ++stores
  const target = cassandraTarget<Film>({
    ...{ client, table: `conformance.${table}`, key: ['store', 'id'], ...options },
    keyOf: (id) => ({ store, id }),
  })
  return {
    target,
    read: async (key: string) => {
      const query = `SELECT title, year, tags, facts, "cast" FROM conformance.${table} WHERE store = ? AND id = ?`
      const { rows } = await client.execute(query, [store, key], { prepare: true })
      return rows[0] && present(rows[0])
    },
    stall: async () => {
      cassandra.pause()
      return () => cassandra.resume()
    },
  }
}

function present(row: object): object {
  return Object.fromEntries(Object.entries(row).filter(([, value]) => value !== null))
}

const payloads = {
  put: (key: string, number: number): Film => ({
    title: `${key}, part ${number}`,
    ...(number % 2 === 0 && { year: 1900 + number }),
    ...(number % 3 > 0 && { tags: [`a${number}`, 'b'] }),
    ...(number % 3 < 2 && { facts: { [`f${number}`]: number, both: number } }),
    ...(number % 4 > 0 && { cast: ['twice', 'twice', key] }),
  }),
  patch: (key: string, number: number): Partial<Film> =>
    [
      { year: number },
      { title: `${key} again, ${number}` },
      { tags: [`c${number}`], year: number },
      { facts: { [`g${number}`]: number }, cast: [key] },
    ][number % 4] ?? {},
  refused: (key: string): Film => ({ title: key, year: 'soon' as unknown as number }),
  patchesCommute: true,
  patchOfNothing: 'row' as const,
}

describe.each(['films', 'apart'])('cassandraTarget on a real table, %s', (table) => {
  const cases = targetConformance<Film>({ create: () => subject(table), ...payloads, seed })
  test.each(cases)('$name', ({ run }) => run())
})

/** The same rows by statements of one's own. */
function byStatements() {
  const { read, stall } = subject('films')
  const store = stores
  const target = cassandraTarget<Film>({
    client,
    remembersDeletes: '10d',
    statement: ({ op, key, payload }) => {
      const row = [store, key]
      const fields: Readonly<Record<string, unknown>> = { ...payload }
      const names = op === 'put' ? ['title', 'year', 'tags', 'facts', 'cast'] : Object.keys(fields)
      const values = names.map((name) => fields[name] ?? null)
      const query = {
        put: `INSERT INTO conformance.films (title, year, tags, facts, "cast", store, id) VALUES (?, ?, ?, ?, ?, ?, ?)`,
        patch: `UPDATE conformance.films SET ${names.map((name) => `"${name}" = ?`)} WHERE store = ? AND id = ?`,
        delete: 'DELETE FROM conformance.films WHERE store = ? AND id = ?',
      }[op]
      return { query, params: op === 'delete' ? row : [...values, ...row] }
    },
  })
  return { target, read, stall }
}

describe("cassandraTarget by statements of one's own, on a real table", () => {
  const cases = targetConformance<Film>({ create: byStatements, ...payloads, seed })
  test.each(cases)('$name', ({ run }) => run())
})

test('Cassandra ends in the state of the versions in 512 random histories, in any order, with any repeats', async () => {
  const lanes = Array.from({ length: 8 }, (_, lane) => {
    const table = lane % 2 === 0 ? 'films' : 'apart'
    const options = { seed: seed + lane * 1_000, runs: 64, patienceMs: 10_000 }
    return targetConformance<Film>({ create: () => subject(table), ...payloads, ...options })
  })
  const random = lanes.flatMap((cases) => cases.filter(({ name }) => name.startsWith('ends in')))
  expect(random).toHaveLength(16)
  expectKept(await runConformance(random, { concurrency: 16 }))
})

describe('the suite on a real table', () => {
  test.each(brokenClients)('finds a client that $flaw', async (flawed) => {
    const create = () => subject('films', { client: broken(client, flawed) })
    const cases = targetConformance<Film>({ create, ...payloads, seed })
    const [result] = await runConformance(cases.filter(({ name }) => name === flawed.turnsRed))
    expect(result?.failure).toMatchObject({ name: 'AssertionError' })
  })
})
