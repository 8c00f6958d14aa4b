// needs: memcached

import { createWal, fanOut, memoryQueue, type Outcome, type Target, type } from '@daybook/core'
import { makeRecord, SeededRandom } from '@daybook/core/testing'
import { type Service, service } from '@daybook/services'
import type { Memcache } from 'memcache'
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import {
  type MemcachedConnection,
  type MemcachedTargetOptions,
  memcachedTarget,
  memcachedValue,
} from '../../src/index.ts'
import { withVersion } from '../../src/memcached-envelope.ts'
import { connectionOf } from '../../src/memcached-options.ts'
import {
  connect,
  disconnectAll,
  packages,
  viaMemcache,
  viaMemcacheClient,
} from '../support/clients.ts'

const seed = Number(process.env['DAYBOOK_SEED'])

let memcached: Service
let client: Memcache

beforeAll(async () => {
  memcached = await service('memcached', { instance: 'values' })
  client = viaMemcache(memcached).client
})
beforeEach(() => memcached.reset())
afterAll(async () => {
  await disconnectAll()
  await memcached.remove()
})

type Film = { readonly title?: string; readonly year?: number }

const target = (options: Partial<MemcachedTargetOptions<Film>> = {}) =>
  memcachedTarget<Film>({ client, ...options })

async function apply<P>(to: Target<P>, ...records: object[]): Promise<string[]> {
  const { signal } = new AbortController()
  const made = records.map((record) => makeRecord({ key: 'a', ...record }) as never)
  const context = { namespace: 'n', target: 't', signal, attempts: made.map(() => 1) }
  const outcomes: readonly Outcome[] = (await to.apply(made, context)) ?? []
  return outcomes.map((outcome) => ('code' in outcome ? outcome.code : outcome.status))
}

const put = (version: bigint, title: string) => ({ op: 'put', version, payload: { title } })
const gone = (version: bigint) => ({ op: 'delete', version, payload: undefined })
const patch = (version: bigint, payload: Film) => ({ op: 'patch', version, payload })

/** Seconds that the server keeps an item; -1 for ever. */
async function ttlOf(key: string): Promise<number> {
  const [node] = client.nodes
  return Number(/t(-?\d+)/.exec(`${await node?.command(`mg ${key} t`)}`)?.[1])
}

describe('what lies in memcached', () => {
  test('is JSON for every reader, and null where it was deleted', async () => {
    await apply(target({ key: (key) => `film:${key}` }), put(7n, 'Notorious'))
    const held = (await client.get('film:a')) ?? ''
    expect(JSON.parse(held)).toEqual({ title: 'Notorious' })
    expect(memcachedValue(held)).toEqual({ version: 7n, value: '{"title":"Notorious"}' })
    await apply(target({ key: (key) => `film:${key}` }), gone(8n))
    expect(JSON.parse((await client.get('film:a')) ?? '')).toBe(null)
  })

  test('are the bytes that `value` made, through a client that can send bytes', async () => {
    const bytes = Buffer.from([0, 255, 10, 13, 128])
    const single = viaMemcacheClient(memcached).client
    const binary = memcachedTarget<Film>({ client: single, value: () => new Uint8Array(bytes) })
    expect(await apply(binary, put(1n, 'any'))).toEqual(['applied'])
    const { signal } = new AbortController()
    expect(await binary.read?.('a', { signal })).toEqual(bytes)
    expect(await apply(target({ value: () => bytes }), put(2n, 'any'))).toEqual(['bad_value'])
  })

  test('is guarded no more where memcached dropped it', async () => {
    await apply(target(), put(2n, 'newer'))
    await client.delete('a')
    expect(await apply(target(), put(1n, 'older'))).toEqual(['applied'])
  })

  test('is replaced where somebody else put it there', async () => {
    await client.set('a', 'anything')
    expect(await apply(target(), put(1n, 'Notorious'))).toEqual(['applied'])
    expect(JSON.parse((await client.get('a')) ?? '')).toEqual({ title: 'Notorious' })
  })
})

describe('a time to live in memcached', () => {
  test.each(packages)('holds for the item, in whole seconds, through %s', async (name) => {
    const own = connect(name, memcached)
    for (const [at, version] of [1n, 3n].entries()) {
      // The first is put where nothing is held, the second in place of another.
      expect(await ttlOf('a')).toBe(at === 0 ? Number.NaN : -1)
      await apply(target({ client: own.client, ttlMs: 60_500 }), put(version, 'Notorious'))
      expect([60, 61]).toContain(await ttlOf('a'))
      await apply(target({ client: own.client }), put(version + 1n, 'Notorious'))
      expect(await ttlOf('a')).toBe(-1)
    }
  })

  test('that is over already deletes, and too long a one is refused', async () => {
    await apply(target(), put(1n, 'Notorious'))
    await apply(target({ ttlMs: () => 0, tombstoneMs: 90_000 }), put(2n, 'Notorious'))
    expect(JSON.parse((await client.get('a')) ?? '')).toBe(null)
    expect([89, 90]).toContain(await ttlOf('a'))
    const month = target({ ttlMs: () => 31 * 86_400_000 })
    expect(await apply(month, put(3n, 'Notorious'))).toEqual(['bad_ttl'])
  })

  test('of a tombstone ends its guard there', async () => {
    const to = target({ tombstoneMs: 3_000 })
    await apply(to, put(1n, 'Notorious'))
    await apply(to, gone(3n))
    expect(await apply(to, put(2n, 'late'))).toEqual(['superseded'])
    await expect.poll(() => client.get('a'), { timeout: 10_000 }).toBeUndefined()
    expect(await apply(to, put(2n, 'later than that'))).toEqual(['applied'])
  })
})

describe('a patch of an item', () => {
  test('that removes takes the value away', async () => {
    const to = target({ patch: 'remove' })
    await apply(to, put(1n, 'Notorious'))
    expect(await apply(to, patch(3n, { year: 1946 }))).toEqual(['applied'])
    expect(await apply(to, put(2n, 'late'))).toEqual(['superseded'])
    expect(JSON.parse((await client.get('a')) ?? '')).toBe(null)
  })

  test('makes no value of a part where nothing is held', async () => {
    const to = target({ patch: 'merge' })
    expect(await apply(to, patch(2n, { year: 1946 }))).toEqual(['applied'])
    expect(JSON.parse((await client.get('a')) ?? '')).toBe(null)
    expect(await apply(to, put(1n, 'late'))).toEqual(['applied'])
    expect(JSON.parse((await client.get('a')) ?? '')).toEqual({ title: 'late', year: 1946 })
    await apply(to, put(3n, 'new'))
    expect(memcachedValue((await client.get('a')) ?? '')).toEqual({
      ...{ version: 3n, value: '{"title":"new"}' },
    })
  })

  test('fails for good where the item has no fields', async () => {
    await client.set('a', '[1]')
    expect(await apply(target({ patch: 'merge' }), patch(2n, {}))).toEqual(['not_an_object'])
  })
})

describe('an item in a form that this release cannot read', () => {
  const film = '{"title":"new"}'
  test.each([
    ['of a later one', `${' '.repeat(40)}${film}`],
    ['with marks that are damaged', `${withVersion(5n, film, '{"since":')}`],
    ['with marks of another kind', `${withVersion(5n, film, '{"since":"1"}')}`],
  ])('is left as it is, %s, and its records wait until it is gone', async (_, held) => {
    const to = target({ patch: 'merge' })
    await client.set('a', held)
    expect(await apply(to, put(3n, 'old'))).toEqual(['later_form'])
    expect(await apply(to, patch(6n, { year: 1946 }))).toEqual(['later_form'])
    expect(await client.get('a')).toBe(held)
    await client.delete('a')
    expect(await apply(to, put(3n, 'old'))).toEqual(['applied'])
  })
})

describe.each(packages)('several writers of one key through %s', (name) => {
  const races = async (compares: boolean): Promise<readonly boolean[]> => {
    const connection = connectionOf(connect(name, memcached).client)
    const ends: boolean[] = []
    for (let run = 0; run < 100; run++) {
      ends.push(await raceEndsWell(connection, new SeededRandom(seed + run), compares))
    }
    return ends
  }

  test('end with the newest, whatever comes between a read and its store', async () => {
    expect(await races(true)).not.toContain(false)
  })

  test('do not without the compare-and-set, as the case above would show', async () => {
    expect(await races(false)).toContain(false)
  })
})

/** Four writers apply versions of one key in any order, each slow between its read and its store. */
async function raceEndsWell(
  whole: MemcachedConnection,
  random: SeededRandom,
  compares: boolean,
): Promise<boolean> {
  await client.delete('raced')
  const slow: MemcachedConnection = {
    gets: (key) => whole.gets(key),
    ping: () => whole.ping(),
    async store(change) {
      for (let wait = random.integer(0, 4); wait > 0; wait--) await whole.ping()
      if (compares) return whole.store(change)
      // As a plain set would: whatever is there now is what it was.
      const now = await whole.gets(change.key)
      return whole.store({ ...change, cas: now?.cas })
    },
  }
  const versions = Array.from({ length: 4 }, (_, at) => BigInt(at + 1))
  const shuffled = versions.sort(() => random.next() - 0.5)
  const to = memcachedTarget<Film>({ client: slow })
  await Promise.all(
    shuffled.map((version) => apply(to, { ...put(version, `${version}`), key: 'raced' })),
  )
  return memcachedValue((await client.get('raced')) ?? '').version === 4n
}

test('one client with several servers puts each key where its readers look', async () => {
  await using second = await service('memcached', { instance: 'second' })
  await using third = await service('memcached', { instance: 'third' })
  const pool = viaMemcache(memcached, second, third).client
  const keys = Array.from({ length: 60 }, (_, at) => `key-${at}`)
  const to = memcachedTarget<Film>({ client: pool })
  await to.open?.()
  await apply(to, ...keys.map((key) => ({ ...put(1n, key), key })))
  for (const key of keys) expect(JSON.parse((await pool.get(key)) ?? '')).toEqual({ title: key })
  const counts = await Promise.all(
    [memcached, second, third].map(async (server) => {
      const stats = await viaMemcache(server).client.stats()
      return Number([...stats.values()][0]?.['curr_items'])
    }),
  )
  expect(Math.min(...counts)).toBeGreaterThan(0)
  expect(counts.reduce((sum, count) => sum + count)).toBe(keys.length)
})

test('items whose records carry their key alone bring what the source has by then', async () => {
  const source = new Map<string, Film>()
  const asked: string[][] = []
  const cache = memcachedTarget<Film>({
    client,
    fetch: async (keys) => {
      asked.push([...keys])
      return new Map(keys.flatMap((key) => (source.has(key) ? [[key, source.get(key) ?? {}]] : [])))
    },
  })
  const wal = await createWal({
    namespaces: {
      films: fanOut({ payload: type<null>(), queue: memoryQueue(), targets: { cache } }),
    },
  })
  const films = wal.namespace('films')
  for (const year of [1944, 1945, 1946]) {
    source.set('tt0038787', { title: 'Notorious', year })
    await films.write({ key: 'tt0038787', payload: null })
  }
  await films.write({ key: 'gone', payload: null })
  await wal.start()
  await wal.drain()
  await wal.close()
  expect(JSON.parse((await client.get('tt0038787')) ?? '')).toEqual(source.get('tt0038787'))
  expect(JSON.parse((await client.get('gone')) ?? '')).toBe(null)
  expect(asked).toEqual([['tt0038787', 'gone']])
})
