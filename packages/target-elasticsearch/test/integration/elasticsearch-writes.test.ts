// needs: elasticsearch

import type { Outcome, Target, WalRecord } from '@daybook/core'
import { makeRecord } from '@daybook/core/testing'
import { type Service, service } from '@daybook/services'
import { Client } from '@elastic/elasticsearch'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { type ElasticsearchTargetOptions, elasticsearchTarget } from '../../src/index.ts'
import { contextOf } from '../apply-context.ts'
import { interrupting, rewriting } from '../rewriting-client.ts'

const { signal } = new AbortController()
let elasticsearch: Service
let client: Client
let indices = 0

beforeAll(async () => {
  elasticsearch = await service('elasticsearch')
  await elasticsearch.reset()
  client = new Client({ node: `http://${elasticsearch.address}`, maxRetries: 0 })
})
afterAll(() => client.close())

/** A target on an empty index of its own. */
async function targetOn(
  options: Partial<ElasticsearchTargetOptions> = {},
  index: { settings?: Record<string, unknown>; mappings?: Record<string, unknown> } = {},
) {
  const name = `writes-${++indices}`
  const settings = { number_of_replicas: 0, ...index.settings }
  await client.indices.create({ index: name, mappings: {}, ...index, settings })
  return { index: name, target: elasticsearchTarget({ client, index: name, ...options }) }
}

async function apply(
  target: Target,
  ...records: readonly WalRecord[]
): Promise<readonly Outcome[]> {
  return (await target.apply(records, contextOf(records))) ?? []
}

/** The answer's own text: parsed by JavaScript a large number would not be what the store said. */
async function rawDocument(index: string, id: string): Promise<string> {
  const response = await fetch(`http://${elasticsearch.address}/${index}/_doc/${id}`)
  return response.text()
}

test.each([2n ** 53n + 1n, 2n ** 60n + 1n, 2n ** 63n - 1n])(
  'the store holds version %s digit for digit',
  async (version) => {
    const { index, target } = await targetOn()
    expect(await apply(target, makeRecord({ key: 'a', version }))).toEqual([{ status: 'applied' }])
    expect(await rawDocument(index, 'a')).toContain(`"_version":${version},`)
    const older = makeRecord({ key: 'a', version: version - 1n, payload: { late: true } })
    expect(await apply(target, older)).toEqual([{ status: 'superseded' }])
    expect(await apply(target, makeRecord({ key: 'a', version }))).toEqual([{ status: 'applied' }])
    expect(await target.read?.('a', { signal })).toEqual({})
  },
)

/** A put, its delete, and once the store has forgotten deletes that are so old, a put in between. */
async function lateAfterDelete(options: Partial<ElasticsearchTargetOptions>) {
  const { index, target } = await targetOn(options, { settings: { gc_deletes: '1ms' } })
  const put = makeRecord({ key: 'a', version: 100n, payload: { title: 'x' } })
  const late = makeRecord({ key: 'a', version: 200n, payload: { title: 'late' } })
  const gone = makeRecord({ key: 'a', version: 300n, op: 'delete', payload: undefined })
  await apply(target, put)
  await apply(target, gone)
  // The store clears its memory of deletes now and then, and always at a refresh.
  for (let round = 0; round < 3; round++) {
    await new Promise((resolve) => setTimeout(resolve, 50))
    await client.index({ index, id: `other ${round}`, document: {}, refresh: true })
  }
  const [outcome] = await apply(target, late)
  return { index, target, outcome, held: await target.read?.('a', { signal }) }
}

test('an update later than gc_deletes brings a document back, as the target says that it might', async () => {
  const { target, outcome, held } = await lateAfterDelete({})
  expect(outcome).toEqual({ status: 'applied' })
  expect(held).toEqual({ title: 'late' })
  expect(await target.remembersDeletesMs?.({ signal })).toBe(1)
})

test('with tombstones it stays deleted, and a filtered alias does not show them', async () => {
  const { index, target, outcome, held } = await lateAfterDelete({ tombstones: true })
  expect(outcome).toEqual({ status: 'superseded' })
  expect(held).toBeUndefined()
  expect(target.remembersDeletesMs).toBeUndefined()
  const filter = { bool: { must_not: { exists: { field: 'daybook.deleted' } } } }
  await client.indices.putAlias({ index, name: `${index}-shown`, filter, is_write_index: true })
  const shown = elasticsearchTarget({ client, index: `${index}-shown`, tombstones: true })
  expect(await apply(shown, makeRecord({ key: 'b', version: 1n }))).toEqual([{ status: 'applied' }])
  await client.indices.refresh({ index })
  const { hits } = await client.search({ index: `${index}-shown` })
  expect(hits.hits.map(({ _id }) => _id).sort()).toEqual(['b', 'other 0', 'other 1', 'other 2'])
  const { hits: all } = await client.search({
    index,
    query: { exists: { field: 'daybook.deletedAt' } },
  })
  expect(all.hits).toMatchObject([
    { _id: 'a', _source: { daybook: { deleted: true, version: '300' } } },
  ])
})

test('the usual memory of deletes is a minute', async () => {
  const { target } = await targetOn()
  expect(await target.remembersDeletesMs?.({ signal })).toBe(60_000)
})

test('what a strict mapping refuses is permanent, by the word for it', async () => {
  const { target } = await targetOn({}, { mappings: { dynamic: 'strict', properties: {} } })
  expect(await apply(target, makeRecord({ payload: { unknown: 1 } }))).toMatchObject([
    { status: 'permanent', code: 'strict_dynamic_mapping_exception' },
  ])
})

test('a pipeline that is not there yet is told at the start, and by each probe until it is', async () => {
  const { target } = await targetOn({ pipeline: 'not-there-yet' })
  const told = {
    code: 'ERR_CONFIG',
    message: expect.stringContaining('no pipeline "not-there-yet"'),
  }
  await expect(target.open?.()).rejects.toMatchObject(told)
  expect(await apply(target, makeRecord())).toMatchObject([
    { status: 'unavailable', message: 'pipeline with id [not-there-yet] does not exist' },
  ])
  const { signal } = new AbortController()
  await expect(target.health?.({ signal })).rejects.toMatchObject(told)
  await client.ingest.putPipeline({ id: 'not-there-yet', processors: [] })
  await target.health?.({ signal })
  await target.open?.()
  expect(await apply(target, makeRecord())).toEqual([{ status: 'applied' }])
  await client.ingest.deletePipeline({ id: 'not-there-yet' })
})

test('of pipelines by function the missing one holds up its own records only', async () => {
  const pipeline = ({ key }: { key: string | undefined }) => (key === 'odd' ? 'no-such' : undefined)
  const { target } = await targetOn({ pipeline })
  await target.open?.()
  expect(
    await apply(target, makeRecord({ key: 'odd' }), makeRecord({ key: 'even' })),
  ).toMatchObject([
    { status: 'transient', code: 'illegal_argument_exception' },
    { status: 'applied' },
  ])
})

test('an alias that is missing is told at the start, and not made into an index', async () => {
  const target = elasticsearchTarget({ client, index: 'no-alias', requireAlias: true })
  const told = { code: 'ERR_CONFIG', message: expect.stringContaining('no alias "no-alias"') }
  await expect(target.open?.()).rejects.toMatchObject(told)
  expect(await apply(target, makeRecord())).toMatchObject([{ status: 'unavailable' }])
  const { signal } = new AbortController()
  await expect(target.health?.({ signal })).rejects.toMatchObject(told)
  expect(await client.indices.exists({ index: 'no-alias' })).toBe(false)
  const aliases = { 'no-alias': { is_write_index: true } }
  await client.indices.create({ index: 'no-alias-1', aliases, settings: { number_of_replicas: 0 } })
  await target.health?.({ signal })
  await target.open?.()
  expect(await apply(target, makeRecord())).toEqual([{ status: 'applied' }])
})

test('of indices by function the missing one holds up its own records only', async () => {
  const { index, target } = await targetOn()
  const index2 = ({ key }: { key: string | undefined }): string =>
    key === 'closed' ? `${index}-closed` : index
  await client.indices.create({ index: `${index}-closed`, settings: { number_of_replicas: 0 } })
  await client.indices.close({ index: `${index}-closed` })
  const several = elasticsearchTarget({ client, index: index2 })
  const outcomes = await apply(several, makeRecord({ key: 'closed' }), makeRecord({ key: 'a' }))
  expect(outcomes).toMatchObject([
    { status: 'held', code: 'index_closed_exception' },
    { status: 'applied' },
  ])
  expect(await target.read?.('a', { signal })).toEqual({})
})

test('a write with refresh is found by the search that follows', async () => {
  const { index, target } = await targetOn({ refresh: true })
  await apply(target, makeRecord({ key: 'a' }))
  expect((await client.search({ index })).hits.hits).toHaveLength(1)
})

test('documents go by their routing, and are read and deleted by it', async () => {
  const routing = ({ key = '' }: { key: string | undefined }): string => key.slice(0, 1)
  const { index, target } = await targetOn({ routing }, { settings: { number_of_shards: 3 } })
  await apply(
    target,
    makeRecord({ key: 'x1', version: 1n }),
    makeRecord({ key: 'y2', version: 1n }),
  )
  const found = await client.get({ index, id: 'x1', routing: 'x' })
  expect(found._routing).toBe('x')
  expect(await target.read?.('x1', { signal })).toEqual({})
  await apply(target, makeRecord({ key: 'x1', version: 2n, op: 'delete', payload: undefined }))
  expect(await target.read?.('x1', { signal })).toBeUndefined()
})

/** A patch between whose reading and writing somebody else puts, with a version between the two. */
async function interrupted(breakIt: (line: string) => string) {
  const { index, target: other } = await targetOn({ patch: 'optimistic' })
  await apply(other, makeRecord({ key: 'a', version: 10n, payload: { title: 'old', year: 1 } }))
  const between = makeRecord({ key: 'a', version: 20n, payload: { title: 'new', year: 1 } })
  const broken = rewriting(client, breakIt)
  const slow = interrupting(broken, async () => {
    expect(await apply(other, between)).toEqual([{ status: 'applied' }])
  })
  const target = elasticsearchTarget({ client: slow, index, patch: 'optimistic' })
  const patch = makeRecord({ key: 'a', version: 30n, op: 'patch', payload: { year: 2 } })
  expect(await apply(target, patch)).toEqual([{ status: 'applied' }])
  return { target, held: await target.read?.('a', { signal }) }
}

test('a put that comes between the reading and the writing of a patch is not lost', async () => {
  const { target, held } = await interrupted((line) => line)
  expect(held).toEqual({ title: 'new', year: 2 })
  const late = makeRecord({ key: 'a', version: 15n, payload: { title: 'late' } })
  expect(await apply(target, late)).toEqual([{ status: 'superseded' }])
  // Newer than the put, and older than the patch, which outlives it.
  const between = makeRecord({ key: 'a', version: 25n, payload: { title: 'between' } })
  expect(await apply(target, between)).toEqual([{ status: 'applied' }])
  expect(await target.read?.('a', { signal })).toEqual({ title: 'between', year: 2 })
})

test('it would be lost if the writing were unconditional', async () => {
  const { held } = await interrupted((line) =>
    line.replace(/,"if_seq_no":\d+,"if_primary_term":\d+/, ''),
  )
  expect(held).toEqual({ title: 'old', year: 2 })
})

test('a document that others write all the time is left to the backoff', async () => {
  const { index, target: other } = await targetOn({ patch: 'optimistic' })
  let version = 10n
  const busy = interrupting(client, async () => {
    await apply(other, makeRecord({ key: 'a', version: version++ }))
  })
  await apply(other, makeRecord({ key: 'a', version: 1n }))
  const target = elasticsearchTarget({ client: busy, index, patch: 'optimistic' })
  const patch = makeRecord({ key: 'a', version: 30n, op: 'patch', payload: { year: 2 } })
  expect(await apply(target, patch)).toMatchObject([
    { status: 'transient', code: 'version_conflict_engine_exception' },
  ])
  expect(version).toBe(14n)
})

test('two first writes of a document at once end with the newer one', async () => {
  const { index, target: other } = await targetOn({ patch: 'optimistic' })
  const first = interrupting(client, async () => {
    await apply(other, makeRecord({ key: 'a', version: 20n, payload: { by: 'other' } }))
  })
  const target = elasticsearchTarget({ client: first, index, patch: 'optimistic' })
  const older = makeRecord({ key: 'a', version: 10n, payload: { by: 'us' } })
  expect(await apply(target, older)).toEqual([{ status: 'superseded' }])
  expect(await target.read?.('a', { signal })).toEqual({ by: 'other' })
})

test('a patch without its document is one of its fields alone, and what comes late is put under it', async () => {
  const { target } = await targetOn({ patch: 'optimistic' })
  const held = () => target.read?.('a', { signal })
  const patch = makeRecord({ key: 'a', version: 30n, op: 'patch', payload: { year: 2 } })
  const done = [{ status: 'applied' }]
  expect(await apply(target, patch)).toEqual(done)
  expect(await held()).toEqual({ year: 2 })
  await apply(target, makeRecord({ key: 'a', version: 20n, op: 'delete', payload: undefined }))
  expect(await held()).toEqual({ year: 2 })
  const put = makeRecord({ key: 'a', version: 25n, payload: { year: 1, title: 'x' } })
  expect(await apply(target, put)).toEqual(done)
  expect(await held()).toEqual({ year: 2, title: 'x' })
  await apply(target, makeRecord({ key: 'a', version: 40n, op: 'delete', payload: undefined }))
  expect(await held()).toBeUndefined()
})

test('documents written before there were patches keep their guard', async () => {
  const { index, target: plain } = await targetOn()
  await apply(plain, makeRecord({ key: 'a', version: 20n, payload: { year: 1, title: 'x' } }))
  const patching = elasticsearchTarget({ client, index, patch: 'optimistic' })
  const older = makeRecord({ key: 'a', version: 10n, op: 'patch', payload: { year: 9 } })
  const newer = makeRecord({ key: 'a', version: 30n, op: 'patch', payload: { year: 2 } })
  expect(await apply(patching, older)).toEqual([{ status: 'superseded' }])
  expect(await apply(patching, newer)).toEqual([{ status: 'applied' }])
  expect(await patching.read?.('a', { signal })).toEqual({ year: 2, title: 'x' })
})

test('an index that does not exist yet is made by the first write, patching or not', async () => {
  for (const options of [{}, { patch: 'optimistic' as const }]) {
    const index = `made-${++indices}`
    const target = elasticsearchTarget({ client, index, ...options })
    expect(await target.read?.('a', { signal })).toBeUndefined()
    expect(await apply(target, makeRecord({ key: 'a' }))).toEqual([{ status: 'applied' }])
    expect(await target.read?.('a', { signal })).toEqual({})
  }
})

test('a delete goes to the shard of its put, or is refused where it lacks the field that names it', async () => {
  const settings = { number_of_shards: 5 }
  const { index, target } = await targetOn({ routing: 'studio' }, { settings })
  const studios = Array.from({ length: 8 }, (_, number) => `studio ${number}`)
  const puts = studios.map((studio) =>
    makeRecord({ key: studio, version: 1n, payload: { studio, year: 1946 } }),
  )
  const done = puts.map(() => ({ status: 'applied' }))
  expect(await apply(target, ...puts)).toEqual(done)
  const held = async (): Promise<number> => {
    await client.indices.refresh({ index })
    return (await client.count({ index })).count
  }
  const deletes = (keyFields: (studio: string) => object | undefined) =>
    studios.map((studio) =>
      makeRecord({ key: studio, op: 'delete', version: 2n, payload: keyFields(studio) }),
    )
  const refused = puts.map(() => ({ status: 'permanent', code: 'missing_routing' }))
  expect(await apply(target, ...deletes(() => undefined))).toMatchObject(refused)
  expect(await held()).toBe(studios.length)
  expect(await apply(target, ...deletes((studio) => ({ studio })))).toEqual(done)
  expect(await held()).toBe(0)
})

test('an index that cannot take marks is no place for deletes until it can', async () => {
  const version = { type: 'keyword' } as const
  const { index, target } = await targetOn(
    { tombstones: true },
    { mappings: { dynamic: 'strict' } },
  )
  const wrong = {
    code: 'ERR_CONFIG',
    message: expect.stringContaining('lacks the field "daybook"'),
  }
  await expect(target.open?.()).rejects.toMatchObject(wrong)
  await expect(target.open?.()).rejects.toMatchObject(wrong)
  const parts = { version, deleted: { type: 'boolean' }, deletedAt: { type: 'date' } } as const
  await client.indices.putMapping({ index, properties: { daybook: { properties: parts } } })
  await target.open?.()
  const gone = makeRecord({ key: 'a', op: 'delete', payload: undefined })
  expect(await apply(target, gone)).toEqual([{ status: 'applied' }])
  const sourceless = await targetOn(
    { patch: 'optimistic' },
    { mappings: { _source: { enabled: false } } },
  )
  await expect(sourceless.target.open?.()).rejects.toMatchObject({ code: 'ERR_CONFIG' })
})
