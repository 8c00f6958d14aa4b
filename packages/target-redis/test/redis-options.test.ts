import { makeRecord } from '@daybook/core/testing'
import { describe, expect, test } from 'vitest'
import {
  type IoRedisClient,
  type NodeRedisClient,
  type RedisTargetOptions,
  redisTarget,
} from '../src/index.ts'

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

describe('what Redis is asked', () => {
  const { signal } = new AbortController()
  const apply = (to: ReturnType<typeof redisTarget>, records: number) =>
    to.apply(
      Array.from({ length: records }, (_, at) => makeRecord({ key: `${at}` })),
      { namespace: 'n', target: 't', signal, attempts: Array.from({ length: records }, () => 1) },
    )

  test('is one call for each record of a batch, all of them at once', async () => {
    const { promise, resolve } = Promise.withResolvers<void>()
    let asked = 0
    const evalSha = async () => {
      if (++asked === 20) resolve()
      await promise
      return 'applied'
    }
    const outcomes = await apply(redisTarget({ client: { ...client, evalSha } }), 20)
    expect(outcomes).toEqual(Array.from({ length: 20 }, () => ({ status: 'applied' })))
  })

  test('is nothing while there is no connection, which is an outage', async () => {
    let asked = 0
    const evalSha = async () => ++asked
    const away = redisTarget({ client: { ...client, evalSha, isReady: false } })
    const down = { status: 'unavailable', code: 'not_connected' }
    expect(await apply(away, 2)).toMatchObject([down, down])
    expect(asked).toBe(0)
  })

  test('is answered for by the break of a connection, after which ioredis is silent', async () => {
    const listeners = new Set<() => void>()
    const silent: IoRedisClient = {
      ...{ status: 'ready', eval: nothing, get: nothing, ping: nothing },
      evalsha: () => new Promise(() => {}),
      on: (_, listener) => listeners.add(listener),
      off: (_, listener) => listeners.delete(listener),
    }
    const applying = apply(redisTarget({ client: silent }), 2)
    await new Promise((resolve) => setImmediate(resolve))
    for (const listener of listeners) listener()
    const broken = { status: 'unavailable', code: 'connection' }
    expect(await applying).toMatchObject([broken, broken])
    expect(listeners.size).toBe(0)
  })
})

test('redisTarget compares fields only where patches are merged', () => {
  expect(redisTarget({ client }).guardsFields).toBe(false)
  expect(redisTarget({ client, patch: 'remove' }).guardsFields).toBe(false)
  expect(redisTarget({ client, patch: 'merge' }).guardsFields).toBe(true)
})
