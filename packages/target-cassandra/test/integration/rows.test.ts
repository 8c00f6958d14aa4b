// needs: cassandra

import type { Target, WalRecord } from '@daybook/core'
import { makeRecord } from '@daybook/core/testing'
import { type Service, service } from '@daybook/services'
import driver, { type Client } from 'cassandra-driver'
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { cassandraTarget } from '../../src/index.ts'
import { applyTo } from '../support/apply-to.ts'
import { connect, createTables } from '../support/cassandra.ts'

let cassandra: Service
let client: Client
const { signal } = new AbortController()

beforeAll(async () => {
  cassandra = await service('cassandra')
  client = connect(cassandra)
  await createTables(client, 'rows', {
    titles: '(id text PRIMARY KEY, name text, year int) WITH gc_grace_seconds = 3600',
    '"OddNames"': '("Id" int, "the Year" int, note text static, n int, PRIMARY KEY ("Id", n))',
    listed: '(id text PRIMARY KEY, tags list<text>)',
    counted: '(id text PRIMARY KEY, hits counter)',
    typed:
      '(id uuid, at timestamp, big bigint, wide varint, price decimal, day date, raw blob, ok boolean, ' +
      'many map<text, frozen<set<int>>>, PRIMARY KEY (id))',
  })
})
beforeEach(() => client.execute('TRUNCATE rows.titles'))
afterAll(async () => {
  await client.execute('DROP KEYSPACE rows')
  await client.shutdown()
})

const titles = () => cassandraTarget<never>({ client, table: 'rows.titles', key: ['id'] })

async function apply(target: Target<never>, ...records: readonly WalRecord[]): Promise<void> {
  const outcomes = await applyTo(target, records)
  expect(outcomes).toEqual(records.map(() => ({ status: 'applied' })))
}

async function select(query: string) {
  const { rows } = await client.execute(query, [], { prepare: true })
  return rows.map((row) => ({ ...row }))
}

describe('a row in Cassandra', () => {
  test('has the version as the time of each cell, to the last digit, up to the highest there is', async () => {
    for (const version of [1n, 2n ** 53n + 1n, 2n ** 63n - 2n, 2n ** 63n - 1n]) {
      const key = `v${version}`
      await apply(titles(), makeRecord({ key, version, payload: { id: key, year: 5 } }))
      const [row] = await select(
        `SELECT writetime(year) AS at FROM rows.titles WHERE id = '${key}'`,
      )
      expect(String(row?.['at'])).toBe(version.toString())
    }
  })

  test('is there again after a delete by a put one microsecond later, and not by one of the same', async () => {
    const at = 2n ** 60n
    const put = (version: bigint) =>
      makeRecord({ key: 'a', version, payload: { id: 'a', year: 1 } })
    const gone = makeRecord({ key: 'a', op: 'delete', version: at, payload: undefined })
    const target = titles()
    await apply(target, put(at))
    await apply(target, gone)
    await apply(target, put(at))
    expect(await target.read?.('a', { signal })).toBeUndefined()
    await apply(target, put(at + 1n))
    await apply(target, gone)
    expect(await target.read?.('a', { signal })).toEqual({ id: 'a', year: 1 })
  })

  test('loses only the fields that a later put lacks or a patch makes null, whenever these come', async () => {
    const target = titles()
    const put = makeRecord({ key: 'a', payload: { id: 'a', name: 'old', year: 1 } })
    const patch = makeRecord({ key: 'a', op: 'patch', payload: { name: 'new' } })
    const bare = makeRecord({ key: 'a', payload: { id: 'a', year: 2 } })
    await apply(target, bare)
    await apply(target, patch)
    await apply(target, put)
    expect(await target.read?.('a', { signal })).toEqual({ id: 'a', year: 2 })
    await apply(target, makeRecord({ key: 'a', op: 'patch', payload: { year: null } }))
    expect(await target.read?.('a', { signal })).toEqual({ id: 'a' })
  })

  test('of odd names, with a static column that only those who name it change', async () => {
    const table = 'rows."OddNames"'
    const key = ['key', 'n']
    const columns = { key: 'Id', n: 'n', year: 'the Year', note: 'note' }
    const target = cassandraTarget<never>({ client, table, key, columns })
    await apply(target, makeRecord({ payload: { key: 1, n: 1, year: 5, note: 'of all' } }))
    await apply(target, makeRecord({ payload: { key: 1, n: 2 } }))
    await apply(target, makeRecord({ op: 'delete', payload: { key: 1, n: 1 } }))
    expect(await select(`SELECT * FROM ${table}`)).toEqual([
      { Id: 1, n: 2, note: 'of all', 'the Year': null },
    ])
    await expect(target.read?.('1', { signal })).rejects.toMatchObject({
      code: 'ERR_NOT_SUPPORTED',
    })
  })

  test('takes what JSON has for each type, and 64-bit integers as digits, through either kind of client', async () => {
    const id = '0b1f8a52-7a4e-4c1e-8a3f-2f6f0c9d1e77'
    const payload = {
      ...{
        id,
        at: '2026-01-02T03:04:05.678Z',
        big: '9007199254740993',
        wide: '123456789012345678901',
      },
      ...{ price: '12.50', day: '2026-01-02', raw: '0xcafe', ok: true, many: { a: [1, 2] } },
    }
    const bigints = connect(cassandra, {
      encoding: { useBigIntAsLong: true, useBigIntAsVarint: true },
    })
    for (const through of [client, bigints]) {
      const target = cassandraTarget<never>({ client: through, table: 'rows.typed', key: ['id'] })
      await apply(target, makeRecord({ key: id, payload: { ...payload, big: 5, wide: 7n } }))
      await apply(target, makeRecord({ key: id, payload }))
    }
    await bigints.shutdown()
    const [row] = await select('SELECT * FROM rows.typed')
    expect({
      ...row,
      id: `${row?.['id']}`,
      big: `${row?.['big']}`,
      wide: `${row?.['wide']}`,
    }).toEqual({
      ...payload,
      at: new Date(payload.at),
      price: driver.types.BigDecimal.fromString('12.50'),
      day: driver.types.LocalDate.fromString('2026-01-02'),
      raw: Buffer.from('cafe', 'hex'),
    })
  })

  test('ends by its time to live, counted from when it was written', async () => {
    const target = cassandraTarget<never>({
      client,
      table: 'rows.titles',
      key: ['id'],
      ttl: '100s',
    })
    const writtenAt = Date.now() - 40_000
    const put = makeRecord({ key: 'a', writtenAt, payload: { id: 'a', year: 1 } })
    const over = makeRecord({
      key: 'b',
      writtenAt: writtenAt - 90_000,
      payload: { id: 'b', year: 1 },
    })
    await apply(
      titles(),
      makeRecord({ key: 'b', version: 5n, payload: { id: 'b', name: 'older' } }),
    )
    await apply(target, put, over)
    await apply(target, put)
    const [row, ...others] = await select('SELECT id, ttl(year) AS left FROM rows.titles')
    expect(row?.['left']).toBeGreaterThan(50)
    expect(row?.['left']).toBeLessThanOrEqual(60)
    expect(others).toEqual([])
  })
})

describe('a table in Cassandra', () => {
  test.each([
    ['rows.nope', { key: ['id'] }, 'there is no table rows.nope'],
    ['rows.listed', { key: ['id'] }, 'tags is a list'],
    ['rows.counted', { key: ['id'] }, 'hits is a counter'],
    ['rows.titles', { key: ['name'] }, 'id is part of the primary key'],
    ['rows.titles', { key: ['id'], columns: ['title'] }, 'there is no column title'],
  ])(
    'is refused as it is opened where it does not fit: %s with %o',
    async (table, options, reason) => {
      const target = cassandraTarget<never>({ client, table, ...options })
      await expect(target.open?.()).rejects.toMatchObject({
        code: 'ERR_CONFIG',
        message: expect.stringContaining(reason),
      })
    },
  )

  test('would have the elements of a list twice, which is why it is refused', async () => {
    const target = cassandraTarget<never>({
      client,
      table: 'rows.listed',
      key: ['id'],
      unsafe: true,
    })
    const record = makeRecord({ key: 'a', payload: { id: 'a', tags: ['x', 'y'] } })
    await apply(target, record)
    await apply(target, record)
    expect(await select('SELECT tags FROM rows.listed')).toEqual([{ tags: ['x', 'y', 'x', 'y'] }])
  })

  test('says how long it remembers deletes, before it is opened and after it was altered', async () => {
    const target = titles()
    expect(await target.remembersDeletesMs?.({ signal })).toBe(3_600_000)
    await client.execute('ALTER TABLE rows.titles WITH gc_grace_seconds = 7200')
    expect(await target.remembersDeletesMs?.({ signal })).toBe(7_200_000)
    const query = 'DELETE FROM rows.titles WHERE id = ?'
    const custom = cassandraTarget({ client, statement: () => ({ query, params: ['none'] }) })
    custom.validate?.(makeRecord())
    expect(await custom.remembersDeletesMs?.({ signal })).toBe(7_200_000)
  })
})

describe('calls of the driver', () => {
  test('know the partition of each statement and batch, so that they go to a node that has it', async () => {
    const routed: unknown[] = []
    class Watching extends driver.policies.loadBalancing.RoundRobinPolicy {
      override newQueryPlan(
        ...args: Parameters<driver.policies.loadBalancing.RoundRobinPolicy['newQueryPlan']>
      ) {
        const [, options] = args
        const query = options?.getRawQueryOptions()
        if (query?.isIdempotent && query.consistency === 6) routed.push(options?.getRoutingKey())
        super.newQueryPlan(...args)
      }
    }
    const watched = connect(cassandra, { policies: { loadBalancing: new Watching() } })
    const target = cassandraTarget<never>({
      client: watched,
      table: 'rows."OddNames"',
      key: ['Id', 'n'],
    })
    const records = [1, 2].map((n) => makeRecord({ payload: { Id: 77, n } }))
    await apply(target, ...records, makeRecord({ payload: { Id: 78, n: 1 } }))
    await watched.shutdown()
    const keys = routed.map((key) => (Buffer.isBuffer(key) ? key.toString('hex') : key))
    expect(new Set(keys)).toEqual(new Set(['0000004d', '0000004e']))
  })

  test('go once: a consistency that cannot be had is told at once', async () => {
    const options = { table: 'rows.titles', key: ['id'], consistency: 'two' } as const
    const target = cassandraTarget<never>({ client, ...options })
    expect(await applyTo(target, [makeRecord({ key: 'a', payload: { id: 'a' } })])).toMatchObject([
      { status: 'unavailable', code: 'unavailable', message: expect.stringContaining('TWO') },
    ])
    await expect(target.health?.({ signal })).rejects.toMatchObject({ cause: { code: 0x1000 } })
  })

  test('of a client that was shut down are an outage', async () => {
    const closed = connect(cassandra)
    const target = cassandraTarget<never>({ client: closed, table: 'rows.titles', key: ['id'] })
    await target.open?.()
    await closed.shutdown()
    expect(await applyTo(target, [makeRecord({ key: 'a', payload: { id: 'a' } })])).toMatchObject([
      { status: 'unavailable', code: 'no_host' },
    ])
  })

  test('that a function makes carry the version, and are refused by the columns of their table', async () => {
    const made = {
      put: 'INSERT INTO rows.titles (id, name) VALUES (?, ?)',
      patch: 'UPDATE rows.listed SET tags = tags + ? WHERE id = ?',
      delete: 'UPDATE rows.counted SET hits = hits + 1 WHERE id = ?',
    }
    const target = cassandraTarget<never>({
      client,
      statement: ({ op, key }) => ({ query: made[op], params: op === 'put' ? [key, 'x'] : [key] }),
    })
    const put = makeRecord({ key: 'a', version: 2n ** 60n + 1n })
    const outcomes = await applyTo(target, [
      put,
      makeRecord({ key: 'b', op: 'patch', payload: {} }),
      makeRecord({ key: 'c', op: 'delete', payload: undefined }),
    ])
    expect(outcomes).toMatchObject([
      { status: 'applied' },
      { status: 'permanent', code: 'refused_statement', message: expect.stringContaining('tags') },
      {
        status: 'permanent',
        code: 'refused_statement',
        message: expect.stringContaining('counter'),
      },
    ])
    const [row] = await select('SELECT writetime(name) AS at FROM rows.titles')
    expect(String(row?.['at'])).toBe(put.version.toString())
  })
})
