import { makeRecord } from '@daybook/core/testing'
import { describe, expect, test } from 'vitest'
import {
  type ItemChange,
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

describe('what memcached is given', () => {
  const { signal } = new AbortController()
  const context = { namespace: 'n', target: 't', signal, attempts: [1] }

  /** A way to memcached that holds what it is given, and notes it. */
  function noting() {
    const stored: ItemChange[] = []
    const connection: MemcachedConnection = {
      gets: async () => {
        const value = stored.at(-1)?.value
        return value === undefined ? undefined : { value, cas: '1:1' }
      },
      store: async (change) => {
        stored.push(change)
        return true
      },
      ping: async () => {},
    }
    return { connection, stored }
  }

  test('has its times in whole seconds, rounded up: none would be for ever', async () => {
    const { connection, stored } = noting()
    const ttls = [400, 60_500, 61_000, undefined]
    for (const [at, ttlMs] of ttls.entries()) {
      const target = memcachedTarget({ client: connection, ...(ttlMs && { ttlMs }) })
      await target.apply([makeRecord({ version: BigInt(at + 1) })], context)
    }
    const target = memcachedTarget({ client: connection, tombstoneMs: 1_200 })
    await target.apply([makeRecord({ op: 'delete', version: 9n })], context)
    expect(stored.map(({ ttlSeconds }) => ttlSeconds)).toEqual([1, 61, 61, 0, 2])
  })

  test('is read and written for all records of a batch at once', async () => {
    const { connection, stored } = noting()
    const { promise, resolve } = Promise.withResolvers<undefined>()
    let asked = 0
    const gets = (): Promise<undefined> => {
      if (++asked === 20) resolve(undefined)
      return promise
    }
    const records = Array.from({ length: 20 }, (_, at) => makeRecord({ key: `${at}` }))
    const attempts = records.map(() => 1)
    const target = memcachedTarget({ client: { ...connection, gets } })
    await target.apply(records, { ...context, attempts })
    expect(stored).toHaveLength(20)
  })

  test('is nothing any more once the apply was given up', async () => {
    const { connection, stored } = noting()
    const giveUp = new AbortController()
    const slow: MemcachedConnection = {
      ...connection,
      gets: async () => {
        giveUp.abort()
        return undefined
      },
    }
    const target = memcachedTarget({ client: slow })
    const outcomes = await target.apply([makeRecord()], { ...context, signal: giveUp.signal })
    expect(outcomes).toMatchObject([{ status: 'transient', code: 'aborted' }])
    await new Promise((resolve) => setImmediate(resolve))
    expect(stored).toEqual([])
  })

  test('is not stored once more where a record comes again', async () => {
    const { connection, stored } = noting()
    const target = memcachedTarget({ client: connection, ttlMs: 60_000 })
    for (let times = 0; times < 2; times++) {
      expect(await target.apply([makeRecord({ version: 5n })], context)).toEqual([
        { status: 'applied' },
      ])
    }
    expect(stored).toHaveLength(1)
  })
})

test('memcachedTarget compares fields only where patches are merged', () => {
  expect(memcachedTarget({ client }).guardsFields).toBe(false)
  expect(memcachedTarget({ client, patch: 'remove' }).guardsFields).toBe(false)
  expect(memcachedTarget({ client, patch: 'merge' }).guardsFields).toBe(true)
})
