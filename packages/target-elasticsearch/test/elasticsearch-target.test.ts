import type { WalRecord } from '@daybook/core'
import { makeRecord } from '@daybook/core/testing'
import { expect, test } from 'vitest'
import { type ElasticsearchTargetOptions, elasticsearchTarget } from '../src/index.ts'
import { contextOf } from './apply-context.ts'
import { allCreated, type FakeClient, fakeClient, putCount, responseError } from './fake-client.ts'

function applyTo(
  client: FakeClient,
  records: readonly WalRecord[],
  options: Partial<ElasticsearchTargetOptions> = {},
  controller?: AbortController,
) {
  const target = elasticsearchTarget({ client, index: 'films', ...options })
  return target.apply(records, contextOf(records, controller))
}

const highest = 2n ** 63n - 1n

test('a put and a delete go out with the exact version as an external one', async () => {
  const client = fakeClient(() => ({
    items: [{ index: { status: 201 } }, { delete: { status: 404 } }],
  }))
  const records = [
    makeRecord({ key: 'a "quoted" key', version: highest, payload: { year: 1946 } }),
    makeRecord({ key: 'b', op: 'delete', version: 2n ** 60n + 1n, payload: undefined }),
  ]
  expect(await applyTo(client, records)).toEqual([{ status: 'applied' }, { status: 'applied' }])
  expect(client.lines).toEqual([
    '{"index":{"_index":"films","_id":"a \\"quoted\\" key","version":9223372036854775807,"version_type":"external"}}',
    '{"year":1946}',
    '{"delete":{"_index":"films","_id":"b","version":1152921504606846977,"version_type":"external"}}',
  ])
})

test('a pipeline is for documents, and no delete names one, nor a tombstone any but none', async () => {
  const client = fakeClient(({ path }) =>
    path === '/_mget' ? { docs: [{ found: false }] } : { items: [{ delete: { status: 200 } }] },
  )
  const gone = makeRecord({ key: 'b', op: 'delete', version: 7n, payload: undefined, writtenAt: 0 })
  await applyTo(client, [gone], { pipeline: 'clean' })
  await applyTo(client, [gone], { pipeline: 'clean', tombstones: true })
  await applyTo(client, [gone], { pipeline: 'clean', patch: 'optimistic' })
  const tombstone =
    '{"daybook":{"version":"7","deleted":true,"deletedAt":"1970-01-01T00:00:00.000Z"}}'
  expect(client.lines).toEqual([
    '{"delete":{"_index":"films","_id":"b","version":7,"version_type":"external"}}',
    '{"index":{"_index":"films","_id":"b","pipeline":"_none","version":7,"version_type":"external"}}',
    tombstone,
    '{"create":{"_index":"films","_id":"b","pipeline":"_none"}}',
    tombstone,
  ])
})

test("every call is made once, by a signal that follows the apply's", async () => {
  const client = fakeClient(allCreated)
  const controller = new AbortController()
  await applyTo(client, [makeRecord()], {}, controller)
  const [{ options, querystring } = {}] = client.calls
  expect(options).toMatchObject({ maxRetries: 0, meta: true })
  expect(options?.signal).not.toBe(controller.signal)
  expect(options?.signal.aborted).toBe(false)
  controller.abort()
  expect(options?.signal.aborted).toBe(true)
  expect(querystring).toMatchObject({ refresh: 'false', timeout: '10000ms' })
})

test('index, id, routing, pipeline and the document may come from the record', async () => {
  const client = fakeClient(allCreated)
  const record = makeRecord({
    key: 'k',
    version: 7n,
    payload: { no: 12, studio: 'RKO', title: 'x' },
  })
  await applyTo(client, [record], {
    index: ({ key }) => `films-${key}`,
    ...{ id: 'no', routing: 'studio', pipeline: 'clean', refresh: 'wait_for', requireAlias: true },
    document: ({ op, key }) => ({ op, key }),
  })
  expect(client.lines).toEqual([
    '{"index":{"_index":"films-k","_id":"12","routing":"RKO","pipeline":"clean","version":7,"version_type":"external"}}',
    '{"op":"put","key":"k"}',
  ])
  expect(client.calls[0]?.querystring).toMatchObject({ refresh: 'wait_for', require_alias: 'true' })
})

test('a batch that is too large for the store is halved, and a record that is alone, refused', async () => {
  const big = makeRecord({ key: 'big', payload: { text: 'x'.repeat(1_000) } })
  const records = [makeRecord(), makeRecord(), makeRecord(), big, makeRecord()]
  const client = fakeClient((call) =>
    (call.bulkBody?.length ?? 0) > 600 ? responseError(413) : allCreated(call),
  )
  const outcomes = await applyTo(client, records)
  expect(outcomes?.map(({ status }) => status)).toEqual([
    ...['applied', 'applied', 'applied', 'permanent', 'applied'],
  ])
  expect(outcomes?.[3]).toMatchObject({ code: 'content_too_large' })
  expect(client.calls.map(putCount)).toEqual([5, 3, 2, 1, 1])
})

test.each([
  ['no object', { payload: 'text' }, 'not_a_document'],
  ['an array', { payload: [1] }, 'not_a_document'],
  ['a date, which is a text in JSON', { payload: new Date(0) }, 'not_a_document'],
  ['what has no JSON', { payload: { count: 1n } }, 'not_serializable'],
  ['without a key', { key: undefined }, 'missing_id'],
  ['a key of more than 512 bytes', { key: 'ø'.repeat(257) }, 'invalid_id'],
  ['a key that is no Unicode', { key: '\ud800' }, 'invalid_id'],
  ['a patch', { op: 'patch' }, 'unsupported_op'],
] as const)('a record that is %s is refused alone, and not sent', async (_, overrides, code) => {
  const client = fakeClient(allCreated)
  const records = [makeRecord(), makeRecord(overrides as Partial<WalRecord>), makeRecord()]
  const outcomes = await applyTo(client, records)
  expect(outcomes).toMatchObject([
    { status: 'applied' },
    { status: 'permanent', code },
    { status: 'applied' },
  ])
  expect(client.calls.map(putCount)).toEqual([2])
})

test('what can be known of a record early is known at the write', () => {
  const { validate } = elasticsearchTarget({ client: fakeClient(allCreated), index: 'films' })
  expect(validate?.(makeRecord())).toBeUndefined()
  expect(validate?.(makeRecord({ op: 'delete', payload: undefined }))).toBeUndefined()
  expect(validate?.(makeRecord({ key: undefined }))).toMatch(/no id/)
  expect(validate?.(makeRecord({ payload: null }))).toMatch(/null/)
  const document = (): object => {
    throw new Error('deployed too early')
  }
  const target = elasticsearchTarget({ client: fakeClient(allCreated), index: 'films', document })
  expect(target.validate?.(makeRecord())).toBeUndefined()
})

test("a field that is the target's own is refused where there are marks, at the write too", async () => {
  const client = fakeClient(allCreated)
  const record = makeRecord({ payload: { mine: 1 } })
  const marked = { tombstones: true, markField: 'mine' }
  expect(await applyTo(client, [record], marked)).toMatchObject([
    { status: 'permanent', code: 'reserved_field' },
  ])
  const target = elasticsearchTarget({ client, index: 'films', ...marked })
  expect(target.validate?.(record)).toMatch(/"mine" is the target's own/)
  expect(client.calls).toEqual([])
  expect(await applyTo(client, [record], { markField: 'mine' })).toEqual([{ status: 'applied' }])
})

test('an option that throws costs the record an attempt, and the others nothing', async () => {
  const client = fakeClient(allCreated)
  const document = ({ key }: { key: string | undefined }): object => {
    if (key === 'bad') throw new Error('no such thing')
    return {}
  }
  const records = [makeRecord({ key: 'bad' }), makeRecord()]
  expect(await applyTo(client, records, { document })).toMatchObject([
    { status: 'transient', code: 'document_failed', message: expect.stringContaining('no such') },
    { status: 'applied' },
  ])
})

test('a conflict is superseded by a newer version, and applied where it is the same', async () => {
  const conflict = (current: number) => ({
    index: {
      status: 409,
      error: {
        type: 'version_conflict_engine_exception',
        reason: `[a]: version conflict, current version [${current}] is higher or equal to the one provided [12]`,
      },
    },
  })
  const client = fakeClient(() => ({ items: [conflict(13), conflict(12), conflict(120)] }))
  const records = ['a', 'b', 'c'].map((key) => makeRecord({ key, version: 12n }))
  expect(await applyTo(client, records)).toEqual([
    { status: 'superseded' },
    { status: 'applied' },
    { status: 'superseded' },
  ])
})

test('an answer for fewer items than were sent is no success of any', async () => {
  const client = fakeClient(() => ({ items: [{ index: { status: 201 } }] }))
  const applying = applyTo(client, [makeRecord(), makeRecord()])
  await expect(applying).rejects.toMatchObject({ status: 'transient', code: 'bad_answer' })
})

test('a call that fails as a whole rejects with its class, and the wait that was asked for', async () => {
  const error = { type: 'es_rejected_execution_exception', reason: 'busy' }
  const client = fakeClient(() => responseError(429, { error }, { 'retry-after': '3' }))
  await expect(applyTo(client, [makeRecord()])).rejects.toMatchObject({
    ...{ status: 'throttled', code: error.type, message: 'busy', retryAfterMs: 3_000 },
  })
})

test('the health of a store is known also to whoever may only write', async () => {
  const healthOf = (status: number) =>
    elasticsearchTarget({
      client: fakeClient(() => (status === 200 ? { status: 'red' } : responseError(status))),
      index: 'films',
    }).health?.({ signal: new AbortController().signal })
  await healthOf(200)
  await healthOf(403)
  await expect(healthOf(401)).rejects.toMatchObject({ status: 'unavailable' })
  await expect(healthOf(503)).rejects.toMatchObject({ status: 'unavailable' })
})

test.each([
  [{ films: { defaults: { 'index.gc_deletes': '60s' } } }, 60_000],
  [
    {
      a: { settings: { 'index.gc_deletes': '1.5h' } },
      b: { settings: { 'index.gc_deletes': '2m' } },
    },
    120_000,
  ],
  [{ a: { settings: { 'index.gc_deletes': '-1' } } }, undefined],
  [{ a: { settings: { 'index.gc_deletes': '500ms' } } }, 500],
  [{ a: { settings: { 'index.gc_deletes': 'ever' } } }, 0],
  [{}, 60_000],
])('from the settings %o deletes are remembered for %s ms', async (body, ms) => {
  const client = fakeClient(() => body)
  const target = elasticsearchTarget({ client, index: 'films' })
  const { signal } = new AbortController()
  expect(await target.remembersDeletesMs?.({ signal })).toBe(ms)
  expect(client.calls[0]?.path).toBe('/films/_settings/index.gc_deletes')
})

test('a key is read only where it tells which document it has', async () => {
  const client = fakeClient(() => ({ docs: [{ found: true, _source: { year: 1946 } }] }))
  const { signal } = new AbortController()
  const byKey = elasticsearchTarget({ client, index: 'films', id: ({ key }) => `film ${key}` })
  expect(await byKey.read?.('k', { signal })).toEqual({ year: 1946 })
  expect(client.calls[0]?.body).toEqual({ docs: [{ _index: 'films', _id: 'film k' }] })
  const byField = elasticsearchTarget({ client, index: 'films', id: 'no' })
  await expect(byField.read?.('k', { signal })).rejects.toMatchObject({ code: 'ERR_NOT_SUPPORTED' })
})

test.each(['put', 'delete'] as const)(
  'a %s without the field that names its shard is refused, and so is a read by the key alone',
  async (op) => {
    const client = fakeClient(allCreated)
    const target = elasticsearchTarget({ client, index: 'films', routing: 'studio' })
    const record = makeRecord({ op, payload: op === 'put' ? { title: 'x' } : undefined } as object)
    expect(target.validate?.(record)).toMatch(/no routing/)
    expect(await target.apply([record], contextOf([record]))).toMatchObject([
      { status: 'permanent', code: 'missing_routing' },
    ])
    const reading = target.read?.('k', { signal: new AbortController().signal })
    await expect(reading).rejects.toMatchObject({ code: 'ERR_NOT_SUPPORTED' })
    expect(client.calls).toEqual([])
  },
)

test('a function may leave the routing to the id', async () => {
  const client = fakeClient(() => ({ items: [{ delete: { status: 200 } }] }))
  const record = makeRecord({ op: 'delete', payload: undefined })
  expect(await applyTo(client, [record], { routing: () => undefined })).toEqual([
    { status: 'applied' },
  ])
})
