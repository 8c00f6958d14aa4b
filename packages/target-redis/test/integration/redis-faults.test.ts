// needs: redis

import type { Outcome, Target, WalRecord } from '@daybook/core'
import { makeRecord } from '@daybook/core/testing'
import { type Service, service, tcpProxy } from '@daybook/services'
import type { Redis } from 'ioredis'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { redisTarget } from '../../src/index.ts'
import { connect, disconnectAll, ioRedis, packages } from '../support/clients.ts'
import { openLoad, whole } from '../support/load.ts'

let redis: Service
/** Of an administrator, who is let in whatever a test changes. */
let admin: Redis

beforeAll(async () => {
  redis = await service('redis', { instance: 'faults' })
})
afterAll(() => redis.remove())
beforeEach(async () => {
  admin = ioRedis(redis)
  await admin.flushall()
})
afterEach(disconnectAll)

/** Waits until the condition holds. */
const until = (holds: () => unknown) => expect.poll(holds, { timeout: 20_000 }).toBeTruthy()

async function applyTo<P>(target: Target<P>, ...records: WalRecord<P>[]): Promise<Outcome[]> {
  const { signal } = new AbortController()
  const context = { namespace: 'n', target: 't', signal, attempts: records.map(() => 1) }
  return [...((await target.apply(records, context)) ?? [])]
}

const classOf = ([outcome]: Outcome[]): string =>
  outcome && 'code' in outcome ? `${outcome.status} ${outcome.code}` : `${outcome?.status}`

describe.each(packages)('faults of Redis through %s', (name) => {
  test('nothing is lost, and no attempt is spent, over a kill -9 under load', async () => {
    const client = connect(name, redis)
    const load = await openLoad(redisTarget<number>({ client }))
    await load.wal.start()
    await load.write(0, 300)
    const writing = load.write(300, 1_500)
    await redis.kill()
    await until(() => load.paused.size > 0)
    await redis.start()
    await writing
    expect(await load.finish(connect(name, redis))).toEqual(whole)
    expect([...load.paused].filter((why) => !why.startsWith('unavailable '))).toEqual([])
  })

  test('a connection that is cut in the middle of a batch loses nothing', async () => {
    await using proxy = await tcpProxy({ host: redis.host, port: redis.port })
    const load = await openLoad(redisTarget<number>({ client: connect(name, proxy) }))
    await load.wal.start()
    proxy.delay(20)
    const writing = load.write(0, 600)
    for (let cuts = 0; cuts < 5; cuts++) {
      const before = proxy.passed.up
      await until(() => proxy.passed.up > before)
      proxy.cut()
    }
    await writing
    await proxy.heal()
    expect(await load.finish(connect(name, redis))).toEqual(whole)
    expect([...load.paused].filter((why) => !why.startsWith('unavailable '))).toEqual([])
  })

  test('a full memory slows delivery down, and takes no attempt', async () => {
    const load = await openLoad(redisTarget<number>({ client: connect(name, redis) }))
    await admin.config('SET', 'maxmemory', '1')
    try {
      await load.wal.start()
      await load.write(0, 200)
      await until(() => load.paused.has('throttled OOM'))
    } finally {
      await admin.config('SET', 'maxmemory', '0')
    }
    expect(await load.finish(connect(name, redis))).toEqual(whole)
  })

  test('wrong credentials are an outage until they are right', async () => {
    await admin.config('SET', 'requirepass', 'right')
    try {
      const load = await openLoad(
        redisTarget<number>({ client: connect(name, { ...at(redis), password: 'wrong' }) }),
      )
      await load.wal.start()
      await load.write(0, 50)
      await until(() => load.paused.size > 0)
      expect([...load.paused].join()).toMatch(/^unavailable /)
      await admin.config('SET', 'requirepass', 'wrong')
      expect(await load.finish(admin)).toEqual(whole)
    } finally {
      await admin.config('SET', 'requirepass', '')
    }
  })

  test('bad records fail for good, each by itself, and the others are applied', async () => {
    const client = connect(name, redis)
    await client.ping()
    await admin.rpush('{list}:daybook', 'not a version')
    await admin.set('{text}:daybook', 'not a version')
    const value = (payload: number): string => {
      if (payload < 0) throw new RangeError('nothing below zero')
      return `${payload}`
    }
    const target = redisTarget<number>({ client, value })
    const records = ['good', 'list', 'better', 'text', 'negative', 'a:daybook', 'best'].map(
      (key) => makeRecord({ key, payload: key === 'negative' ? -1 : 1 }) as WalRecord<number>,
    )
    const outcomes = await applyTo(target, ...records)
    expect(outcomes.map((outcome) => classOf([outcome]))).toEqual([
      'applied',
      'permanent WRONGTYPE',
      'applied',
      'held DAYBOOK',
      'permanent bad_value',
      'permanent bad_key',
      'applied',
    ])
    expect(await admin.mget('good', 'better', 'best', 'list', 'text')).toEqual([
      ...['1', '1', '1'],
      ...[null, null],
    ])
  })

  test('what the server says of itself has the right class', async () => {
    const target = redisTarget<number>({ client: connect(name, redis) })
    await target.open?.()
    const record = (): WalRecord<number> => makeRecord({ key: 'a', payload: 1 }) as never
    await admin.replicaof('127.0.0.1', '1')
    expect(classOf(await applyTo(target, record()))).toBe('unavailable READONLY')
    await admin.replicaof('NO', 'ONE')

    await admin.config('SET', 'busy-reply-threshold', '50')
    const endless = ioRedis(redis)
      .eval('while true do end', 0)
      .catch(() => {})
    await until(async () => classOf(await applyTo(target, record())) === 'throttled BUSY')
    await admin.script('KILL')
    await endless

    await admin.config('SET', 'min-replicas-to-write', '1')
    expect(classOf(await applyTo(target, record()))).toBe('unavailable NOREPLICAS')
    await admin.config('SET', 'min-replicas-to-write', '0')
    expect(classOf(await applyTo(target, record()))).toBe('applied')
  })

  test('a user who may not run scripts is an outage, one who may not touch a key is not', async () => {
    const to = { ...at(redis), password: 'p' }
    await admin.call('ACL', 'SETUSER', 'clerk', 'on', '>p', '~*', '+@all', '-@scripting')
    await admin.call('ACL', 'SETUSER', 'guest', 'on', '>p', '~mine*', '~{mine}*', '+@all')
    const clerk = redisTarget<number>({ client: connect(name, { ...to, username: 'clerk' }) })
    const guest = redisTarget<number>({ client: connect(name, { ...to, username: 'guest' }) })
    for (const target of [clerk, guest]) await target.open?.()
    const record = (key: string): WalRecord<number> => makeRecord({ key, payload: 1 }) as never
    expect(classOf(await applyTo(clerk, record('mine')))).toBe('unavailable NOPERM')
    expect(classOf(await applyTo(guest, record('theirs')))).toBe('permanent NOPERM')
    expect(classOf(await applyTo(guest, record('mine')))).toBe('applied')
  })

  test('a script that the server has forgotten is sent again', async () => {
    const target = redisTarget<number>({ client: connect(name, redis) })
    await target.open?.()
    for (const payload of [1, 2]) {
      await admin.script('FLUSH')
      const records = ['a', 'b', 'c'].map((key) => makeRecord({ key, payload }) as never)
      const outcomes = await applyTo(target, ...records)
      expect(outcomes.map(({ status }) => status)).toEqual(['applied', 'applied', 'applied'])
    }
  })

  test('a server that does not answer is given up with the signal', async () => {
    const target = redisTarget<number>({ client: connect(name, redis) })
    await target.open?.()
    redis.pause()
    try {
      const signal = AbortSignal.timeout(100)
      const context = { namespace: 'n', target: 't', signal, attempts: [1] }
      const outcomes = await target.apply([makeRecord({ payload: 1 }) as never], context)
      expect(classOf([...(outcomes ?? [])])).toBe('transient aborted')
      const health = target.health?.({ signal: AbortSignal.timeout(100) })
      await expect(health).rejects.toMatchObject({ code: 'ERR_UNAVAILABLE' })
      const read = target.read?.('a', { signal: AbortSignal.timeout(100) })
      await expect(read).rejects.toMatchObject({ name: 'TimeoutError' })
    } finally {
      redis.resume()
    }
    await target.health?.({ signal: AbortSignal.timeout(5_000) })
  })
})

function at({ host, port }: Service): { host: string; port: number } {
  return { host, port }
}
