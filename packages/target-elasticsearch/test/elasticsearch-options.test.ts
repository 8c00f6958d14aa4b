import { makeRecord } from '@daybook/core/testing'
import { Client } from '@elastic/elasticsearch'
import { expect, test } from 'vitest'
import { type ElasticsearchTargetOptions, elasticsearchTarget } from '../src/index.ts'
import { contextOf } from './apply-context.ts'
import { allCreated, fakeClient } from './fake-client.ts'

const client = new Client({ node: 'http://127.0.0.1:9' })

/** What is said of options that a program in JavaScript may pass. */
function issuesOf(options: object): readonly { path: string; reason: string }[] {
  try {
    elasticsearchTarget(options as ElasticsearchTargetOptions)
  } catch (error) {
    return (error as { issues: readonly { path: string; reason: string }[] }).issues
  }
  return []
}

test('an Elasticsearch target lists every mistake in its options at once', () => {
  const options = {
    ...{ client: {}, index: 'Films', id: '', routing: 1, pipeline: true, document: 'x' },
    ...{ refresh: 'soon', patch: 'scripted', tombstones: 1, markField: 'a.b', dataStream: 'yes' },
    ...{ requireAlias: 0, shardTimeoutMs: 0, retries: 3 },
  }
  const paths = issuesOf(options).map(({ path }) => path)
  const expected = ['retries', ...Object.keys(options).filter((name) => name !== 'retries')]
  expect(paths).toEqual(expected.map((name) => `elasticsearchTarget.${name}`))
  expect(() => elasticsearchTarget(options as never)).toThrow(
    expect.objectContaining({ code: 'ERR_CONFIG' }),
  )
})

test.each([
  [{ dataStream: true, patch: 'optimistic' }, 'patch'],
  [{ dataStream: true, tombstones: true }, 'tombstones'],
  [{ dataStream: true, requireAlias: true }, 'requireAlias'],
  [{ patch: 'optimistic', tombstones: false }, 'tombstones'],
])('the options %o contradict each other', (options, name) => {
  const issues = issuesOf({ client, index: 'films', ...options })
  expect(issues.map(({ path }) => path)).toEqual([`elasticsearchTarget.${name}`])
})

test.each([undefined, null])('%o instead of options is answered by what is missing', (options) => {
  const paths = issuesOf(options as never).map(({ path }) => path)
  expect(paths).toEqual(['elasticsearchTarget.client', 'elasticsearchTarget.index'])
})

test.each([
  ['', 'is empty'],
  ['.', 'must not be "."'],
  ['_films', 'must not start with "_"'],
  ['Films', 'must be in lower case'],
  ['fil ms', 'must not contain " "'],
  ['films:1', 'must not contain ":"'],
  ['<films-{now/d}>', 'must not contain'],
  ['ø'.repeat(128), 'must not be longer than 255 bytes'],
  [undefined, 'is no text'],
])('%o is no name of an index', (index, reason) => {
  expect(issuesOf({ client, index })).toEqual([
    { path: 'elasticsearchTarget.index', reason: expect.stringContaining(reason) },
  ])
})

test('the same names are refused record by record where a function gives them', () => {
  const index = (): string => 'Films'
  const target = elasticsearchTarget({ client, index })
  expect(target.validate?.({ key: 'a', op: 'put', payload: {} } as never)).toMatch(/lower case/)
})

test('what a target declares follows from its options', () => {
  const plain = elasticsearchTarget({ client, index: 'films' })
  expect(plain).toMatchObject({ idempotency: 'version', ops: ['put', 'delete'] })
  expect(plain.remembersDeletesMs).toBeDefined()
  const patching = elasticsearchTarget({ client, index: 'films', patch: 'optimistic' })
  expect(patching).toMatchObject({ idempotency: 'version', ops: ['put', 'patch', 'delete'] })
  expect(patching.remembersDeletesMs).toBeUndefined()
  const stream = elasticsearchTarget({ client, index: 'events', dataStream: true })
  expect(stream).toMatchObject({ idempotency: 'id', ops: ['put'] })
  expect(stream.read).toBeUndefined()
})

test('the store waits for a missing shard ten seconds, or one where others would wait with it', async () => {
  const patience = async (options: Partial<ElasticsearchTargetOptions>) => {
    const stored = fakeClient(allCreated)
    const records = [makeRecord()]
    const target = elasticsearchTarget({ client: stored, index: 'films', ...options })
    await target.apply(records, contextOf(records))
    return stored.calls[0]?.querystring?.['timeout']
  }
  const index = (): string => 'films'
  expect(await patience({})).toBe('10000ms')
  expect(await patience({ index })).toBe('1000ms')
  expect(await patience({ index, shardTimeoutMs: 7_000 })).toBe('7000ms')
})
