import { makeRecord, VirtualClock } from '@daybook/core/testing'
import { describe, expect, it } from 'vitest'
import { type CassandraTargetOptions, cassandraTarget } from '../src/index.ts'
import { applyTo } from './support/apply-to.ts'
import { fakeClient } from './support/fake-client.ts'

const columns = {
  id: 'text partition_key',
  title: 'text',
  year: 'int',
  views: 'bigint',
  note: 'text static',
}

async function targetOf(
  options: Partial<CassandraTargetOptions<never>> = {},
  table: Readonly<Record<string, string>> = columns,
) {
  const client = fakeClient(table)
  const target = cassandraTarget<never>({ client, table: 'media.titles', key: ['id'], ...options })
  await target.open?.()
  const statements = () => client.sent.flatMap((sent) => sent.statements)
  return { client, target, statements }
}

const version = 2n ** 62n + 1n
const change = (fields: object) => makeRecord({ key: 'a', version, ...fields })

describe('the statements of a record', () => {
  it('put null where the payload has nothing, with the version in digits', async () => {
    const { target, statements } = await targetOf()
    await applyTo(target, [change({ payload: { id: 'a', year: 1942 } })])
    expect(statements()).toEqual([
      {
        query:
          'INSERT INTO "media"."titles" ("id", "title", "year", "views") VALUES (?, ?, ?, ?) USING TIMESTAMP ?',
        params: ['a', null, 1942, null, '4611686018427387905'],
      },
    ])
  })

  it('set a static column only where the payload has it', async () => {
    const { target, statements } = await targetOf()
    await applyTo(target, [change({ payload: { id: 'a', note: 'n' } })])
    expect(statements()[0]?.params).toEqual(['a', null, null, null, 'n', version.toString()])
  })

  it('patch the columns that are named, null among them, and nothing where none is', async () => {
    const { target, statements } = await targetOf()
    const outcomes = await applyTo(target, [
      change({ op: 'patch', payload: { title: null, year: 5 } }),
      change({ op: 'patch', key: 'b', payload: { id: 'b' } }),
    ])
    expect(outcomes.map(({ status }) => status)).toEqual(['applied', 'applied'])
    expect(statements()).toEqual([
      {
        query:
          'UPDATE "media"."titles" USING TIMESTAMP ? SET "title" = ?, "year" = ? WHERE "id" = ?',
        params: [version.toString(), null, 5, 'a'],
      },
    ])
  })

  it("delete by the key fields, or by the record's key alone", async () => {
    const { target, statements } = await targetOf({}, { ...columns, id: 'int partition_key' })
    await applyTo(target, [
      change({ op: 'delete', payload: { id: 7 } }),
      change({ op: 'delete', key: '-8', payload: undefined }),
    ])
    expect(statements()).toEqual([
      {
        query: 'DELETE FROM "media"."titles" USING TIMESTAMP ? WHERE "id" = ?',
        params: [version.toString(), 7],
      },
      {
        query: 'DELETE FROM "media"."titles" USING TIMESTAMP ? WHERE "id" = ?',
        params: [version.toString(), -8],
      },
    ])
  })

  it('carry 64-bit integers as digits, and refuse numbers that have lost some', async () => {
    const { target, statements } = await targetOf()
    const outcomes = await applyTo(target, [
      change({ op: 'patch', payload: { views: 2n ** 60n + 1n } }),
      change({ op: 'patch', payload: { views: 5 } }),
      change({ op: 'patch', payload: { views: '9007199254740993' } }),
      change({ op: 'patch', payload: { views: 2 ** 60 } }),
    ])
    expect(statements().map(({ params }) => params[1])).toEqual([
      '1152921504606846977',
      '5',
      '9007199254740993',
    ])
    expect(outcomes[3]).toMatchObject({ status: 'permanent', code: 'unencodable' })
  })

  it('carry bytes as JSON may have them, and leave other text for the driver to refuse', async () => {
    const { target, statements } = await targetOf({}, { id: 'text partition_key', raw: 'blob' })
    const bytes = Buffer.from('cafe', 'hex')
    const values = ['0xCAFE', bytes, new Uint8Array(bytes), bytes.toJSON(), '0x', 'cafe', '0xcaf']
    for (const raw of values) await applyTo(target, [change({ op: 'patch', payload: { raw } })])
    expect(statements().map(({ params }) => params[1])).toEqual([
      ...[bytes, bytes, bytes, bytes],
      ...[Buffer.alloc(0), 'cafe', '0xcaf'],
    ])
  })

  it.each([
    ['unknown_field', { payload: { id: 'a', titel: 'x' } }],
    ['missing_key', { key: undefined, payload: { title: 'x' } }],
    ['missing_key', { key: undefined, op: 'delete', payload: undefined }],
    ['not_a_row', { payload: 'text' }],
    ['not_a_row', { payload: null }],
  ])('are refused early and late as %s (case %#)', async (code, fields) => {
    const { target } = await targetOf()
    const [outcome] = await applyTo(target, [change(fields)])
    expect(outcome).toMatchObject({ status: 'permanent', code })
    expect(target.validate?.(change(fields) as never)).toBe(
      (outcome as { message: string }).message,
    )
  })

  it('follow a mapping: other names, fields passed over, columns left alone', async () => {
    const { target, statements } = await targetOf({
      key: ['imdb'],
      columns: { imdb: 'id', name: 'title', secret: false },
    })
    await applyTo(target, [change({ payload: { imdb: 'tt1', name: 'M', secret: 's' } })])
    expect(statements()[0]).toEqual({
      query: 'INSERT INTO "media"."titles" ("id", "title") VALUES (?, ?) USING TIMESTAMP ?',
      params: ['tt1', 'M', version.toString()],
    })
    expect(target.validate?.(change({ payload: { imdb: 'tt1', year: 5 } }) as never)).toMatch(
      /year/,
    )
  })

  it('end at the same instant whenever they are applied, and remove what comes after that', async () => {
    const clock = new VirtualClock()
    const { target, statements } = await targetOf({ clock, ttl: '60s' })
    const record = { writtenAt: clock.now(), payload: { id: 'a', title: 'x' } }
    await applyTo(target, [change(record)])
    clock.stepWallClock(45_500)
    await applyTo(target, [change(record), change({ ...record, dueAt: clock.now() })])
    clock.stepWallClock(20_000)
    await applyTo(target, [change(record), change({ ...record, op: 'patch' })])
    const ttls = statements().map(({ query, params }) => [query.split(' ')[0], params.at(-2)])
    expect(ttls.slice(0, 3)).toEqual([
      ['INSERT', 60],
      ['INSERT', 15],
      ['INSERT', 60],
    ])
    expect(statements().slice(3)).toEqual([
      {
        query: 'DELETE FROM "media"."titles" USING TIMESTAMP ? WHERE "id" = ?',
        params: [version.toString(), 'a'],
      },
      {
        query: 'UPDATE "media"."titles" USING TIMESTAMP ? SET "title" = ? WHERE "id" = ?',
        params: [version.toString(), null, 'a'],
      },
    ])
  })

  it('blame the record for a time to live that is none, and nobody for a function that throws', async () => {
    const { target } = await targetOf({ ttl: ({ key }) => (key === 'a' ? 0 : undefined) })
    const [bad, good] = await applyTo(target, [change({}), change({ key: 'b' })])
    expect([bad, good]).toMatchObject([
      { status: 'permanent', code: 'bad_ttl' },
      { status: 'applied' },
    ])
    const { target: throwing } = await targetOf({
      keyOf: () => {
        throw new Error('oops')
      },
    })
    expect(await applyTo(throwing, [change({})])).toMatchObject([
      { status: 'transient', code: 'function_failed', message: 'oops' },
    ])
  })

  it('stay few in number where patches come with ever other fields', async () => {
    const many = Object.fromEntries(Array.from({ length: 12 }, (_, n) => [`c${n}`, 'int']))
    const { target, client } = await targetOf({}, { id: 'text partition_key', ...many })
    for (let bits = 1; bits < 1_000; bits++) {
      const named = Object.keys(many).filter((_, n) => (bits >> n) % 2 === 1)
      const payload = Object.fromEntries(named.map((name) => [name, bits]))
      await applyTo(target, [change({ op: 'patch', payload })])
      const sent = client.sent.at(-1)?.statements.flatMap(({ params }) => params.slice(1, -1)) ?? []
      expect(sent).toEqual(named.map(() => bits))
    }
    const queries = new Set(
      client.sent.flatMap((sent) => sent.statements.map(({ query }) => query)),
    )
    expect(queries.size).toBeLessThanOrEqual(64 + 12)
  })

  it('of such a patch go together only if they fit into a batch', async () => {
    const many = Object.fromEntries(Array.from({ length: 7 }, (_, n) => [`c${n}`, 'text']))
    const { target, client } = await targetOf({}, { id: 'text partition_key', ...many })
    const patch = (bits: number, value: string) => {
      const named = Object.keys(many).filter((_, n) => (bits >> n) % 2 === 1)
      const payload = Object.fromEntries(named.map((name) => [name, value]))
      return applyTo(target, [change({ op: 'patch', payload })])
    }
    for (let bits = 1; bits < 128; bits++) await patch(bits, 'x')
    expect(client.sent.at(-1)?.statements).toHaveLength(7)
    const before = client.sent.length
    await patch(127, 'x'.repeat(1_000))
    expect(client.sent.slice(before).map(({ statements }) => statements.length)).toEqual(
      Object.keys(many).map(() => 1),
    )
  })
})

describe('a table that does not fit', () => {
  it.each([
    ['no column nope', { columns: ['nope'] }, {}],
    ['shelf is part of the primary key', {}, { shelf: 'int clustering' }],
    ['title is in `key`', { key: ['id', 'title'] }, {}],
    ['hits is a counter', {}, { hits: 'counter' }],
    ['tags is a list', {}, { tags: 'list<text>' }],
  ])('is refused when it is opened: %s', async (reason, options, more) => {
    await expect(targetOf(options, { ...columns, ...more })).rejects.toMatchObject({
      code: 'ERR_CONFIG',
      message: expect.stringContaining(reason),
    })
  })

  it('is taken where the list is left out, is frozen, or the harm is accepted', async () => {
    const tags = { ...columns, tags: 'list<text>' }
    await targetOf({ columns: ['title'] }, tags)
    await targetOf({}, { ...columns, tags: 'frozen<list<text>>' })
    expect((await targetOf({ unsafe: true }, tags)).target).toMatchObject({
      ...{ idempotency: 'none', guardsFields: false },
    })
    const safe = await targetOf({ columns: ['title'] }, tags)
    expect(safe.target).toMatchObject({ idempotency: 'version', guardsFields: true })
  })
})
