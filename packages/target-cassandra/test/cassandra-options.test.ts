import { describe, expect, it } from 'vitest'
import { type CassandraTargetOptions, cassandraTarget } from '../src/index.ts'
import { fakeClient } from './support/fake-client.ts'

const client = fakeClient({ id: 'text partition_key' })
const mapped = { client, table: 'media.titles', key: ['id'] }
const statement = () => undefined

describe('the options of cassandraTarget', () => {
  const wrong: readonly (readonly [string, object])[] = [
    ['client', { ...mapped, client: undefined }],
    ['client', { ...mapped, client: { ...client, batch: undefined } }],
    ['tables', { ...mapped, tables: 'media.titles' }],
    ['table', { client, key: ['id'] }],
    ['table', { ...mapped, table: 'media.titles.more' }],
    ['table', { ...mapped, table: 'a; DROP TABLE b' }],
    ['table', { ...mapped, table: 'titles', client: { ...client, keyspace: undefined } }],
    ['key', { client, table: 'media.titles' }],
    ['key', { ...mapped, key: [] }],
    ['key', { ...mapped, key: ['id', 'id'] }],
    ['key', { ...mapped, key: 'id' }],
    ['columns', { ...mapped, columns: 'title' }],
    ['columns', { ...mapped, columns: { title: 5 } }],
    ['columns', { ...mapped, columns: { id: false } }],
    ['columns', { ...mapped, columns: { title: 'text', name: 'text' } }],
    ['columns', { ...mapped, columns: { name: 'id' } }],
    ['columns', { client, statement, columns: ['title'] }],
    ['keyOf', { ...mapped, keyOf: 'id' }],
    ['keyOf', { client, statement, keyOf: () => ({}) }],
    ['ttl', { ...mapped, ttl: 'soon' }],
    ['ttl', { ...mapped, ttl: '10ms' }],
    ['ttl', { ...mapped, ttl: '7301d' }],
    ['ttl', { client, statement, ttl: '1d' }],
    ['statement', { client, statement: 'INSERT' }],
    ['key', { client, statement, table: 'media.titles' }],
    ['table', { client, statement, key: ['id'] }],
    ['unsafe', { ...mapped, unsafe: 1 }],
    ['consistency', { ...mapped, consistency: 'most' }],
    ['consistency', { ...mapped, consistency: 'toString' }],
    ['consistency', { ...mapped, consistency: 8 }],
    ['executionProfile', { ...mapped, executionProfile: {} }],
    ['maxBatchBytes', { ...mapped, maxBatchBytes: 51_201 }],
    ['maxBatchBytes', { ...mapped, maxBatchBytes: '4kb' }],
    ['concurrency', { ...mapped, concurrency: 0 }],
    ['concurrency', { ...mapped, concurrency: 1.5 }],
    ['remembersDeletes', { ...mapped, remembersDeletes: -1 }],
  ]
  it.each(wrong)('that are wrong are refused by name: %s (case %#)', (name, options) => {
    expect(() => cassandraTarget(options as CassandraTargetOptions)).toThrow(
      expect.objectContaining({
        code: 'ERR_CONFIG',
        message: expect.stringContaining(`\`${name}\``),
      }),
    )
  })

  it('that are right are taken', () => {
    for (const options of [
      mapped,
      { ...mapped, table: 'titles' },
      {
        ...mapped,
        table: '"Media"."Tit""les"',
        columns: { title: 'text', secret: false as const },
      },
      {
        ...mapped,
        columns: { id: 'key', title: 'id' },
        ttl: '20d' as const,
        consistency: 'all' as const,
      },
      { ...mapped, ttl: () => '1h' as const, maxBatchBytes: 0, concurrency: 2_048, consistency: 6 },
      { client, statement, unsafe: true, remembersDeletes: '2d' as const },
      { ...mapped, statement },
    ]) {
      expect(cassandraTarget(options).idempotency).toBe('unsafe' in options ? 'none' : 'version')
    }
  })
})
