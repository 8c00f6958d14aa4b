import { makeRecord } from '@daybook/core/testing'
import { describe, expect, it } from 'vitest'
import { type CassandraTargetOptions, cassandraTarget } from '../src/index.ts'
import { applyTo } from './support/apply-to.ts'
import { fakeClient } from './support/fake-client.ts'

const columns = {
  ...{ id: 'text partition_key', title: 'text', n: 'int', hits: 'counter', tags: 'set<text>' },
  ...{ facts: 'map<text,int>', list: 'list<text>', frozen: 'frozen<list<text>>' },
}

const version = 1_764_000_000_000_001n

async function sendOne(
  query: string,
  params: unknown[],
  options: Partial<CassandraTargetOptions> = {},
) {
  const client = fakeClient(columns)
  const statement = () => ({ query, params })
  const target = cassandraTarget<never>({ client, statement, ...options } as never)
  const record = makeRecord({ version })
  const [outcome] = await applyTo(target, [record])
  const { statements: [sent] = [] } = client.sent[0] ?? {}
  return { outcome, sent, objection: target.validate?.(record as never) }
}

const stamp = version.toString()
const unknownMemory = {
  ...{ code: 'ERR_UNAVAILABLE', retryable: true },
  message: expect.stringContaining('remembersDeletes'),
}

describe('a custom statement', () => {
  it.each([
    [
      'INSERT INTO media.t (id, title) VALUES (?, ?)',
      ['a', 'b'],
      'INSERT INTO media.t (id, title) VALUES (?, ?) USING TIMESTAMP ?',
      ['a', 'b', stamp],
    ],
    [
      'INSERT INTO t (id, tags) VALUES (?, ?) USING TTL ? ; -- USING TIMESTAMP 5',
      ['a', ['x'], 60],
      'INSERT INTO t (id, tags) VALUES (?, ?) USING TTL ? AND TIMESTAMP ? ; -- USING TIMESTAMP 5',
      ['a', ['x'], 60, stamp],
    ],
    [
      'UPDATE t SET title = ?, n = -1 WHERE id = ?',
      ['b', 'a'],
      'UPDATE t USING TIMESTAMP ? SET title = ?, n = -1 WHERE id = ?',
      [stamp, 'b', 'a'],
    ],
    [
      'update t using ttl ? set tags = tags + ?, facts[?] = ?, facts -= ? where id = ?',
      [5, ['x'], 'k', 1, ['l'], 'a'],
      'update t using ttl ? AND TIMESTAMP ? set tags = tags + ?, facts[?] = ?, facts -= ? where id = ?',
      [5, stamp, ['x'], 'k', 1, ['l'], 'a'],
    ],
    [
      "DELETE facts[?], title FROM t WHERE id = 'if ? now() /* -- */'",
      ['k'],
      "DELETE facts[?], title FROM t USING TIMESTAMP ? WHERE id = 'if ? now() /* -- */'",
      ['k', stamp],
    ],
    [
      'DELETE list FROM t WHERE id = ?',
      ['a'],
      'DELETE list FROM t USING TIMESTAMP ? WHERE id = ?',
      [stamp, 'a'],
    ],
    [
      'INSERT INTO t (id, frozen) VALUES (?, ?)',
      ['a', ['x']],
      'INSERT INTO t (id, frozen) VALUES (?, ?) USING TIMESTAMP ?',
      ['a', ['x'], stamp],
    ],
    [
      'UPDATE "t" SET title = $$a - b$$ WHERE "id" = ? // + 5',
      ['a'],
      'UPDATE "t" USING TIMESTAMP ? SET title = $$a - b$$ WHERE "id" = ? // + 5',
      [stamp, 'a'],
    ],
  ])('is given the version: %s', async (query, params, sentQuery, sentParams) => {
    const { outcome, sent, objection } = await sendOne(query, params)
    expect(outcome).toEqual({ status: 'applied' })
    expect(sent).toEqual({ query: sentQuery, params: sentParams })
    expect(objection).toBeUndefined()
  })

  it.each([
    ['IF makes', 'INSERT INTO t (id) VALUES (?) IF NOT EXISTS'],
    ['IF makes', 'UPDATE t SET title = ? WHERE id = ? if n = 5'],
    ['IF makes', 'DELETE FROM t WHERE id = ? IF EXISTS'],
    ['timestamp of its own', 'INSERT INTO t (id) VALUES (?) USING TIMESTAMP ?'],
    ['timestamp of its own', 'UPDATE t USING TTL 5 AND TIMESTAMP 6 SET title = ? WHERE id = ?'],
    ['now()', 'INSERT INTO t (id, title) VALUES (now(), ?)'],
    ['uuid()', 'INSERT INTO t (id, title) VALUES (?, Uuid())'],
    ['no INSERT, UPDATE or DELETE', 'TRUNCATE t'],
    ['no INSERT, UPDATE or DELETE', 'BEGIN BATCH DELETE FROM t WHERE id = ? APPLY BATCH'],
    ['no INSERT, UPDATE or DELETE', '"INSERT" INTO t (id) VALUES (?)'],
    ['no INSERT, UPDATE or DELETE', ''],
    ['more than one statement', 'DELETE FROM t WHERE id = ?; DELETE FROM u WHERE id = ?'],
    ['named markers', 'DELETE FROM t WHERE id = :id'],
    ['without a table', 'DELETE FROM'],
  ])('is refused early and late, with the reason %s: %s', async (reason, query) => {
    const { outcome, sent, objection } = await sendOne(query, ['a'])
    expect(outcome).toMatchObject({
      status: 'permanent',
      code: 'refused_statement',
      message: expect.stringContaining(reason),
    })
    expect(sent).toBeUndefined()
    expect(objection).toContain(reason)
  })

  it.each([
    ['hits is a counter', 'UPDATE t SET hits = hits + 1 WHERE id = ?'],
    ['hits is a counter', 'UPDATE t SET hits -= ? WHERE id = ?'],
    ['adding to list', 'UPDATE t SET list = list + ? WHERE id = ?'],
    ['adding to list', 'UPDATE t SET list = [1] + list WHERE id = ?'],
    ['adding to list', 'UPDATE t SET title = ?, "list" += ? WHERE id = ?'],
    ['an element of list', 'UPDATE t SET list[?] = ? WHERE id = ?'],
    ['an element of list', 'DELETE list[0] FROM t WHERE id = ?'],
    ['list is a list', 'UPDATE t SET list = ? WHERE id = ?'],
    ['list is a list', 'INSERT INTO t (id, LIST) VALUES (?, ?)'],
    ['hits is a counter', 'INSERT INTO t JSON ?'],
  ])("is refused by the table's columns, with the reason %s: %s", async (reason, query) => {
    const { outcome, sent } = await sendOne(query, ['a'])
    expect(outcome).toMatchObject({ status: 'permanent', message: expect.stringContaining(reason) })
    expect(sent).toBeUndefined()
  })

  it.each([
    ...['now', 'uuid', 'currentTimestamp', 'currentDate', 'currentTime', 'currentTimeUUID'],
    ...['current_timestamp', 'current_date', 'current_time', 'current_timeuuid'],
  ])('is refused where it asks for another value each time, by %s()', async (name) => {
    const query = `UPDATE t SET n = toUnixTimestamp(${name}()) WHERE id = ?`
    const { outcome, sent, objection } = await sendOne(query, ['a'])
    const message = expect.stringContaining(`${name.toLowerCase()}() has another value`)
    expect(outcome).toMatchObject({ status: 'permanent', code: 'refused_statement', message })
    expect([sent, objection]).toEqual([undefined, message])
  })

  it('is sent as it stands where that is said to be unsafe, with a timestamp where it can have one', async () => {
    const options = { unsafe: true }
    const own = 'INSERT INTO t (id) VALUES (?) USING TIMESTAMP ?'
    expect((await sendOne(own, ['a', 5], options)).sent).toEqual({ query: own, params: ['a', 5] })
    const conditional = 'INSERT INTO t (id) VALUES (?) IF NOT EXISTS'
    expect((await sendOne(conditional, ['a'], options)).sent?.query).toBe(conditional)
    const counter = 'UPDATE t SET hits = hits + 1 WHERE id = ?'
    expect((await sendOne(counter, ['a'], options)).sent).toEqual({ query: counter, params: ['a'] })
    expect((await sendOne('TRUNCATE t', [], options)).sent?.query).toBe('TRUNCATE t')
  })

  it('may be several, which are sent in turn, or none', async () => {
    const client = fakeClient(columns)
    let running = 0
    client.answer = async () => {
      expect(++running).toBe(1)
      await new Promise((resolve) => setTimeout(resolve, 2))
      running--
      return []
    }
    const made = [1, 2].map((n) => ({
      query: `DELETE FROM t WHERE id = ? AND n = ${n}`,
      params: ['a'],
    }))
    const statement = ({ key }: { key: string | undefined }) => (key === 'none' ? undefined : made)
    const target = cassandraTarget<never>({ client, statement })
    const outcomes = await applyTo(target, [makeRecord({ key: 'a' }), makeRecord({ key: 'none' })])
    expect(outcomes.map(({ status }) => status)).toEqual(['applied', 'applied'])
    expect(client.sent.map(({ statements }) => statements.length)).toEqual([1, 1])
    client.answer = () => Promise.reject(new Error('not now'))
    await applyTo(target, [makeRecord({ key: 'a' })])
    expect(client.sent).toHaveLength(3)
  })

  it.each([
    [
      'transient',
      'function_failed',
      () => {
        throw new Error('oops')
      },
    ],
    [
      'permanent',
      'bad_statement',
      () => ({ query: 'DELETE FROM t WHERE id = ?', params: { id: 1 } }),
    ],
    ['permanent', 'bad_statement', () => 'DELETE FROM t'],
    ['permanent', 'bad_statement', () => null],
  ])('that cannot be made is %s, %s (case %#)', async (status, code, statement) => {
    const target = cassandraTarget<never>({
      client: fakeClient(columns),
      statement: statement as never,
    })
    expect(await applyTo(target, [makeRecord()])).toMatchObject([{ status, code }])
  })

  it('holds up no other where its table is gone, and does not guess how long deletes are remembered', async () => {
    const client = fakeClient(columns)
    const statement = () => ({ query: 'DELETE FROM t WHERE id = ?', params: ['a'] })
    const target = cassandraTarget<never>({ client, statement })
    const execute = client.execute
    client.execute = async (query, ...rest) =>
      query.includes('system_schema') ? { rows: [] } : execute(query, ...rest)
    expect(await applyTo(target, [makeRecord()])).toMatchObject([
      { status: 'transient', code: 'table_mismatch' },
    ])
    const { signal } = new AbortController()
    await expect(target.remembersDeletesMs?.({ signal })).rejects.toMatchObject(unknownMemory)
    expect(target.read).toBeUndefined()
  })

  it('remembers deletes for as long as the first of its tables to forget them, once it has named some', async () => {
    const client = fakeClient(columns)
    const spans: Readonly<Record<string, number>> = { long: 7_200, short: 60 }
    const execute = client.execute
    client.execute = async (query, params = [], ...rest) =>
      query.includes('system_schema.tables')
        ? { rows: [{ gc_grace_seconds: spans[`${params[1]}`] }] }
        : execute(query, params, ...rest)
    const statement = ({ key }: { readonly key?: string | undefined }) => ({
      ...{ query: `DELETE FROM ${key} WHERE id = ?`, params: ['a'] },
    })
    const target = cassandraTarget<never>({ client, statement })
    const { signal } = new AbortController()
    const memory = () => target.remembersDeletesMs?.({ signal })
    await expect(memory()).rejects.toMatchObject(unknownMemory)
    await applyTo(target, [makeRecord({ key: 'long' })])
    expect(await memory()).toBe(7_200_000)
    // As a write has it looked at.
    target.validate?.(makeRecord({ key: 'short' }) as never)
    expect(await memory()).toBe(60_000)
    const told = cassandraTarget<never>({ client, statement, remembersDeletes: '2d' })
    expect(await told.remembersDeletesMs?.({ signal })).toBe(172_800_000)
  })

  it('remembers deletes as the table of a statement does that it refuses, or is not asked about', async () => {
    const unsafe = { unsafe: true as const }
    const refused = { query: 'DELETE FROM t WHERE id = ? IF EXISTS', params: ['a'] }
    const plain = { query: 'DELETE FROM t WHERE id = ?', params: ['a'] }
    for (const [made, options] of [
      [refused, {}],
      [plain, unsafe],
    ] as const) {
      const client = fakeClient(columns)
      const execute = client.execute
      client.execute = async (query, ...rest) =>
        query.includes('system_schema.tables')
          ? { rows: [{ gc_grace_seconds: 60 }] }
          : execute(query, ...rest)
      const target = cassandraTarget<never>({ client, statement: () => made, ...options } as never)
      await applyTo(target, [makeRecord()])
      const { signal } = new AbortController()
      expect(await target.remembersDeletesMs?.({ signal })).toBe(60_000)
    }
  })
})
