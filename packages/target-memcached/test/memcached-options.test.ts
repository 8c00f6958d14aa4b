import { makeRecord } from '@daybook/core/testing'
import { describe, expect, test } from 'vitest'
import {
  type MemcachedConnection,
  type MemcachedTargetOptions,
  memcachedTarget,
  memcachedValue,
} from '../src/index.ts'

const client: MemcachedConnection = {
  gets: async () => undefined,
  store: async () => true,
  ping: async () => {},
}

describe('the options of memcachedTarget', () => {
  test.each([
    ['client', { client: {} }],
    ['client', { client: undefined }],
    ['client', { client: { nodes: [{ hasSaslCredentials: true }], hash: { getNodesByKey() {} } } }],
    ['key', { key: 'prefix:' }],
    ['value', { value: 1 }],
    ['fetch', { fetch: {} }],
    ['ttlMs', { ttlMs: 0 }],
    ['ttlMs', { ttlMs: '5m' }],
    ['ttlMs', { ttlMs: 31 * 86_400_000 }],
    ['tombstoneMs', { tombstoneMs: 10 }],
    ['tombstoneMs', { tombstoneMs: Number.NaN }],
    ['largestItemBytes', { largestItemBytes: 10 }],
    ['patch', { patch: 'replace' }],
    ['patch', { patch: 'merge', value: () => '' }],
    ['ttl', { ttl: 5 }],
  ])('are refused for %s, in case %#', (name, wrong) => {
    const options = { client, ...wrong } as unknown as MemcachedTargetOptions
    expect(() => memcachedTarget(options)).toThrow(
      expect.objectContaining({
        code: 'ERR_CONFIG',
        message: expect.stringContaining(`\`${name}\``),
      }),
    )
  })

  test('are asked for where they are missing', () => {
    expect(() => memcachedTarget(undefined as never)).toThrow(/give an object/)
  })
})

describe('what memcached refuses at write', () => {
  const target = memcachedTarget({ client, largestItemBytes: 2_000 })
  test.each([
    ['no key', { key: undefined }, /needs a key/],
    ['too long a key', { key: 'k'.repeat(251) }, /251 bytes/],
    ['a put of nothing', { payload: undefined }, /no payload/],
    ['a payload without a form', { payload: 1n }, /cannot be stored/],
    ['too large a payload', { payload: 'x'.repeat(2_000) }, /largestItemBytes/],
  ])('is %s', (_, fields, reason) => {
    expect(target.validate?.(makeRecord(fields as object))).toMatch(reason)
  })

  test('is nothing that can be stored', () => {
    expect(target.validate?.(makeRecord({ payload: null }))).toBeUndefined()
    expect(target.validate?.(makeRecord({ op: 'delete', payload: undefined }))).toBeUndefined()
  })
})

test('a store that is always refused for somebody else fails its record, and holds up no other', async () => {
  const refusing = { ...client, store: async () => false }
  const { signal } = new AbortController()
  const context = { namespace: 'n', target: 't', signal, attempts: [1] }
  const outcomes = await memcachedTarget({ client: refusing }).apply([makeRecord()], context)
  expect(outcomes).toEqual([expect.objectContaining({ status: 'transient', code: 'contended' })])
})

test('memcached remembers a delete for as long as a tombstone stays, a source for good', async () => {
  const { signal } = new AbortController()
  const target = memcachedTarget({ client, tombstoneMs: 5_000 })
  expect(await target.remembersDeletesMs?.({ signal })).toBe(5_000)
  const fetching = memcachedTarget({ client, fetch: async () => new Map() })
  expect(fetching.remembersDeletesMs).toBeUndefined()
})

test('a patch of a key that is not held leaves a plain tombstone where its fields are too large to be kept', async () => {
  const stored: (string | Uint8Array)[] = []
  const target = memcachedTarget<object>({
    client: {
      ...client,
      store: async ({ value }) => {
        stored.push(value)
        return true
      },
    },
    patch: 'merge',
    largestItemBytes: 2_000,
  })
  const { signal } = new AbortController()
  const context = { namespace: 'films', target: 'cache', signal, attempts: [1] }
  for (const [at, length] of [100, 1_000].entries()) {
    const payload = { text: 'x'.repeat(length) }
    const record = makeRecord({ key: 'a', op: 'patch', version: BigInt(at + 1), payload })
    expect(await target.apply([record as never], context)).toEqual([{ status: 'applied' }])
  }
  const [small = '', large = ''] = stored
  expect(memcachedValue(small)).toEqual({ version: 1n, value: undefined })
  expect(small.length).toBeGreaterThan(400)
  expect(memcachedValue(large)).toEqual({ version: 2n, value: undefined })
  expect(large).toHaveLength('null'.length + 34)
})
