import { makeRecord } from '@daybook/core/testing'
import { describe, expect, test } from 'vitest'
import { type NodeRedisClient, type RedisTargetOptions, redisTarget } from '../src/index.ts'

const nothing = (): Promise<unknown> => Promise.resolve(null)
const client: NodeRedisClient = { eval: nothing, evalSha: nothing, get: nothing, ping: nothing }

describe('the options of redisTarget', () => {
  test.each([
    ['client', { client: {} }],
    ['client', { client: undefined }],
    ['key', { key: 'prefix:' }],
    ['value', { value: 1 }],
    ['fetch', { fetch: {} }],
    ['ttlMs', { ttlMs: 0 }],
    ['ttlMs', { ttlMs: '5m' }],
    ['ttlMs', { ttlMs: Number.POSITIVE_INFINITY }],
    ['ttlMs', { ttlMs: 3_650 * 86_400_000 + 1 }],
    ['tombstoneMs', { tombstoneMs: 10 }],
    ['tombstoneMs', { tombstoneMs: Number.NaN }],
    ['patch', { patch: 'replace' }],
    ['patch', { patch: 'merge', value: () => '' }],
    ['ttl', { ttl: 5 }],
  ])('are refused by name: %s in %j', (name, wrong) => {
    const options = { client, ...wrong } as RedisTargetOptions
    expect(() => redisTarget(options)).toThrow(
      expect.objectContaining({
        code: 'ERR_CONFIG',
        message: expect.stringContaining(`\`${name}\``),
      }),
    )
  })

  test('are refused where there are none', () => {
    expect(() => redisTarget(undefined as never)).toThrow(/give an object/)
  })
})

describe('what is refused at write', () => {
  const target = redisTarget({ client, key: (key) => (key === 'none' ? '' : key) })
  test.each([
    ['no key', { key: undefined }, /needs a key/],
    ['a key that `key` made nothing of', { key: 'none' }, /made no key/],
    ['a key that is one of a version', { key: '{a}:daybook' }, /gives to versions/],
    ['a put of nothing', { payload: undefined }, /no payload/],
  ])('is %s', (_, fields, reason) => {
    expect(target.validate?.(makeRecord({ ...fields } as object))).toMatch(reason)
  })

  test('is not what can be stored', () => {
    expect(target.validate?.(makeRecord({ payload: null }))).toBeUndefined()
    expect(target.validate?.(makeRecord({ op: 'delete', payload: undefined }))).toBeUndefined()
  })
})

test.each([3_650 * 86_400_000 + 1, 1e21, Number.NaN, '5m'])(
  'a time to live of %s ms that a function makes is refused before Redis is asked',
  async (ttlMs) => {
    const target = redisTarget({ client, ttlMs: () => ttlMs as number })
    const { signal } = new AbortController()
    const context = { namespace: 'n', target: 't', signal, attempts: [1] }
    const outcomes = await target.apply([makeRecord()], context)
    expect(outcomes).toEqual([expect.objectContaining({ status: 'permanent', code: 'bad_ttl' })])
  },
)

test('redis remembers a delete for as long as a tombstone stays, a source for good', async () => {
  const { signal } = new AbortController()
  const target = redisTarget({ client, tombstoneMs: 5_000 })
  expect(await target.remembersDeletesMs?.({ signal })).toBe(5_000)
  const fetching = redisTarget({ client, fetch: async () => new Map() })
  expect(fetching.remembersDeletesMs).toBeUndefined()
})
