// needs: redis

import { createWal, fanOut, memoryQueue, type Outcome, type Target, type } from '@daybook/core'
import { makeRecord, SeededRandom } from '@daybook/core/testing'
import { type Service, service } from '@daybook/services'
import type { Redis } from 'ioredis'
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { type RedisTargetOptions, redisTarget } from '../../src/index.ts'
import { disconnectAll, ioRedis, nodeRedis } from '../support/clients.ts'
import { withScript } from '../support/flaws.ts'

const seed = Number(process.env['DAYBOOK_SEED'])

let redis: Service
let client: Redis

beforeAll(async () => {
  redis = await service('redis', { instance: 'values', settings: { appendonly: 'no' } })
  client = ioRedis(redis)
})
beforeEach(async () => {
  await client.flushall()
})
afterAll(async () => {
  disconnectAll()
  await redis.remove()
})

type Film = { readonly title?: string; readonly year?: number }

const target = (options: Partial<RedisTargetOptions<Film>> = {}) =>
  redisTarget<Film>({ client, ...options })

async function apply(to: Target<Film>, ...records: object[]): Promise<string[]> {
  const { signal } = new AbortController()
  const made = records.map((record) => makeRecord({ key: 'a', ...record }) as never)
  const context = { namespace: 'n', target: 't', signal, attempts: made.map(() => 1) }
  const outcomes: readonly Outcome[] = (await to.apply(made, context)) ?? []
  return outcomes.map((outcome) => ('code' in outcome ? outcome.code : outcome.status))
}

const put = (version: bigint, title: string) => ({ op: 'put', version, payload: { title } })
const gone = (version: bigint) => ({ op: 'delete', version, payload: undefined })
const patch = (version: bigint, payload: Film) => ({ op: 'patch', version, payload })

describe('what lies in Redis', () => {
  test('is a plain string for every reader, and a version of 19 digits beside it', async () => {
    await apply(target({ key: (key) => `film:${key}` }), put(7n, 'Notorious'))
    expect(await client.get('film:a')).toBe('{"title":"Notorious"}')
    expect(await client.get('{film:a}:daybook')).toBe('0000000000000000007')
  })

  test('are the bytes that `value` made', async () => {
    const bytes = Buffer.from([0, 255, 10, 13, 128])
    const binary = target({ value: () => new Uint8Array(bytes) })
    await apply(binary, put(1n, 'any'))
    expect(await client.getBuffer('a')).toEqual(bytes)
    const node = nodeRedis(redis)
    await node.ping()
    await apply(redisTarget<Film>({ client: node, value: () => bytes }), put(2n, 'any'))
    expect(await client.getBuffer('a')).toEqual(bytes)
  })

  test('is filled in by a replay where Redis evicted the value alone', async () => {
    await apply(target(), put(1n, 'Notorious'))
    await client.del('a')
    expect(await apply(target(), put(1n, 'Notorious'))).toEqual(['applied'])
    expect(await target().read?.('a', { signal: new AbortController().signal })).toEqual({
      title: 'Notorious',
    })
  })

  test('is guarded no more where Redis evicted the version', async () => {
    await apply(target(), put(2n, 'newer'))
    await client.del('{a}:daybook')
    expect(await apply(target(), put(1n, 'older'))).toEqual(['applied'])
  })

  test('is replaced where it was put there by somebody else', async () => {
    await client.rpush('a', 'a list')
    expect(await apply(target(), put(1n, 'Notorious'))).toEqual(['applied'])
    expect(await client.get('a')).toBe('{"title":"Notorious"}')
  })
})

describe('a time to live', () => {
  test('holds for the value, and the version outlives it', async () => {
    await apply(target({ ttlMs: 60_000, tombstoneMs: 120_000 }), put(1n, 'Notorious'))
    expect(await client.pttl('a')).toBeGreaterThan(50_000)
    expect(await client.pttl('a')).toBeLessThanOrEqual(60_000)
    expect(await client.pttl('{a}:daybook')).toBeGreaterThan(110_000)
    await apply(target(), put(2n, 'Notorious'))
    expect([await client.pttl('a'), await client.pttl('{a}:daybook')]).toEqual([-1, -1])
    const patched = target({ ttlMs: 60_000, tombstoneMs: 120_000, patch: 'merge' })
    await apply(patched, patch(3n, { year: 1946 }))
    expect(await client.pttl('a')).toBeLessThanOrEqual(60_000)
    expect(await client.pttl('{a}:daybook')).toBeGreaterThan(110_000)
    await apply(patched, gone(4n))
    expect(await client.exists('a')).toBe(0)
    expect(await client.pttl('{a}:daybook')).toBeGreaterThan(110_000)
  })

  test('that is over already removes, and a record that comes again does not renew it', async () => {
    const to = target({ ttlMs: ({ version }) => (version === 1n ? 30 : 0) })
    await apply(to, put(1n, 'Notorious'))
    await expect.poll(() => client.get('a')).toBe(null)
    expect(await apply(to, put(1n, 'Notorious'))).toEqual(['applied'])
    expect(await client.get('a')).toBe(null)
    await client.set('a', 'anything')
    expect(await apply(to, put(2n, 'Notorious'))).toEqual(['applied'])
    expect(await client.get('a')).toBe(null)
    expect(await apply(target({ ttlMs: () => Number.NaN }), put(3n, 'any'))).toEqual(['bad_ttl'])
  })

  test('of a tombstone ends its guard', async () => {
    const to = target({ tombstoneMs: 2_000 })
    await apply(to, put(1n, 'Notorious'), { ...put(1n, 'other'), key: 'b' })
    await apply(to, gone(3n))
    expect(await apply(to, put(2n, 'late'))).toEqual(['superseded'])
    await expect.poll(() => client.exists('{a}:daybook'), { timeout: 8_000 }).toBe(0)
    expect(await apply(to, put(2n, 'later than that'))).toEqual(['applied'])
  })
})

describe('a patch', () => {
  test('is refused unless an option says what it does', () => {
    expect(target().ops).toEqual(['put', 'delete'])
    expect(target({ patch: 'remove' }).ops).toEqual(['put', 'patch', 'delete'])
  })

  test('that removes takes the value away, in any order', async () => {
    const to = target({ patch: 'remove' })
    await apply(to, put(1n, 'Notorious'))
    expect(await apply(to, patch(3n, { year: 1946 }))).toEqual(['applied'])
    expect(await apply(to, put(2n, 'late'))).toEqual(['superseded'])
    expect(await client.get('a')).toBe(null)
  })

  test('makes no value of a part where none is held', async () => {
    const to = target({ patch: 'merge' })
    expect(await apply(to, patch(2n, { year: 1946 }))).toEqual(['applied'])
    expect(await client.get('a')).toBe(null)
    expect(await apply(to, put(1n, 'late'))).toEqual(['applied'])
    expect(JSON.parse((await client.get('a')) ?? '')).toEqual({ title: 'late', year: 1946 })
    expect(await client.get('{a}:daybook')).toMatch(/^0{18}2\{"since":"1"/)
    await apply(to, put(3n, 'new'))
    expect(await client.get('{a}:daybook')).toBe('0000000000000000003')
  })

  test('is merged into by an older put and an older delete also where the target takes no patches', async () => {
    await apply(target({ patch: 'merge' }), put(1n, 'first'), patch(5n, { year: 1946 }))
    expect(await apply(target(), put(3n, 'between'))).toEqual(['applied'])
    expect(JSON.parse((await client.get('a')) ?? '')).toEqual({ title: 'between', year: 1946 })
    expect(await apply(target(), put(2n, 'late'), gone(4n))).toEqual(['superseded', 'applied'])
    expect(await client.get('a')).toBe(null)
  })

  test('keeps the time to live, numbers and empty lists as they are', async () => {
    await client.set(
      'a',
      '{"n":12345678901234567890,"empty":[],"deep":1.0000000000000002}',
      'EX',
      60,
    )
    await apply(target({ patch: 'merge' }), patch(2n, { year: 1946 }))
    expect(await client.get('a')).toBe(
      '{"n":12345678901234567000,"empty":[],"deep":1.0000000000000002,"year":1946}',
    )
    expect(await client.pttl('a')).toBeGreaterThan(50_000)
  })

  test('fails for good where what is held has no fields', async () => {
    await client.set('a', '[1]')
    expect(await apply(target({ patch: 'merge' }), patch(2n, { year: 1 }))).toEqual([
      'not_an_object',
    ])
  })

  test('merges into what another wrote meanwhile, and not into what it read', async () => {
    await apply(target(), put(1n, 'first'))
    let reads = 0
    const racing = nodeRedis(redis)
    await racing.ping()
    const slow = withScript(racing, (script) => `${script} `)
    const evaluate = slow.eval.bind(slow) as (script: string, options: never) => Promise<unknown>
    const between = async (script: string, options: { arguments: unknown[] }) => {
      const answer = await evaluate(script, options as never)
      if (options.arguments[0] === 'read' && ++reads === 1) await apply(target(), put(2n, 'second'))
      return answer
    }
    const to = redisTarget<Film>({ client: { ...slow, eval: between } as never, patch: 'merge' })
    expect(await apply(to, patch(3n, { year: 1946 }))).toEqual(['applied'])
    expect(JSON.parse((await client.get('a')) ?? '')).toEqual({ title: 'second', year: 1946 })
    expect(reads).toBe(2)
  })
})

describe('a version that this release cannot read', () => {
  const five = '5'.padStart(19, '0')
  test.each([
    ['of a later one', `${five}+later`],
    ['with marks that are damaged', `${five}{"since":`],
    ['with marks of another kind', `${five}{"since":"1"}`],
  ])('is left as it is, %s, and its records wait until it is gone', async (_, held) => {
    const to = target({ patch: 'merge' })
    await client.mset('a', '{"title":"new"}', '{a}:daybook', held)
    expect(await apply(to, put(3n, 'old'))).toEqual(['DAYBOOK'])
    expect(await apply(to, patch(6n, { year: 1946 }))).toEqual(['DAYBOOK'])
    expect(await client.mget('a', '{a}:daybook')).toEqual(['{"title":"new"}', held])
    await client.del('{a}:daybook')
    expect(await apply(to, put(3n, 'old'))).toEqual(['applied'])
  })
})

test('Redis tells any two versions apart, wherever their digits differ', async () => {
  const random = new SeededRandom(seed)
  const digits = (): string => Array.from({ length: 18 }, () => random.integer(0, 9)).join('')
  const pairs = Array.from({ length: 500 }, () => {
    const one = digits()
    const at = random.integer(0, 17)
    const other = one.slice(0, at) + random.integer(0, 9) + one.slice(at + 1)
    return [BigInt(one) + 1n, BigInt(other) + 1n] as const
  })
  const key = (at: number) => ({ key: `pair ${at}` })
  await apply(target(), ...pairs.map(([one], at) => ({ ...put(one, 'one'), ...key(at) })))
  const outcomes = await apply(
    target(),
    ...pairs.map(([, other], at) => ({ ...put(other, 'other'), ...key(at) })),
  )
  const expected = pairs.map(([one, other]) => (other < one ? 'superseded' : 'applied'))
  expect(outcomes).toEqual(expected)
  expect(new Set(outcomes).size).toBe(2)
})

test('records that carry their key alone bring what the source has as they are applied', async () => {
  const source = new Map<string, Film>()
  const asked: string[][] = []
  const wal = await createWal({
    namespaces: {
      films: fanOut({
        payload: type<null>(),
        queue: memoryQueue(),
        targets: {
          cache: redisTarget<Film>({
            client,
            fetch: async (keys) => {
              asked.push([...keys])
              return new Map(
                keys.flatMap((key) => (source.has(key) ? [[key, source.get(key) ?? {}]] : [])),
              )
            },
          }),
        },
      }),
    },
  })
  const films = wal.namespace('films')
  for (const year of [1944, 1945, 1946]) {
    source.set('tt0038787', { title: 'Notorious', year })
    await films.write({ key: 'tt0038787', payload: null })
  }
  source.set('gone', {})
  await films.write({ key: 'gone', payload: null })
  source.delete('gone')
  await wal.start()
  await wal.drain()
  await wal.close()
  expect(await client.get('tt0038787')).toBe('{"title":"Notorious","year":1946}')
  expect(await client.get('gone')).toBe(null)
  expect(asked).toEqual([['tt0038787', 'gone']])
})
