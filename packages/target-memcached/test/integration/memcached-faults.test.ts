// needs: memcached

import { spawn } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Outcome, Target, WalRecord } from '@daybook/core'
import { makeRecord } from '@daybook/core/testing'
import { type Service, service, tcpProxy } from '@daybook/services'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import {
  type HeldItem,
  type ItemChange,
  type MemcachedConnection,
  memcachedTarget,
} from '../../src/index.ts'
import { memcachedOutcome } from '../../src/memcached-errors.ts'
import { connectionOf } from '../../src/memcached-options.ts'
import { connect, disconnectAll, packages, viaMemcache } from '../support/clients.ts'
import { openLoad, whole } from '../support/load.ts'

let memcached: Service

beforeAll(async () => {
  memcached = await service('memcached', { instance: 'faults' })
})
afterAll(() => memcached.remove())
beforeEach(() => memcached.reset())
afterEach(disconnectAll)

/** Waits until the condition holds. */
const until = (holds: () => unknown) => expect.poll(holds, { timeout: 20_000 }).toBeTruthy()

async function applyTo<P>(target: Target<P>, ...records: WalRecord<P>[]): Promise<Outcome[]> {
  const { signal } = new AbortController()
  const context = { namespace: 'n', target: 't', signal, attempts: records.map(() => 1) }
  return [...((await target.apply(records, context)) ?? [])]
}

const classOf = (outcome: Outcome | undefined): string =>
  outcome && 'code' in outcome ? `${outcome.status} ${outcome.code}` : `${outcome?.status}`

describe.each(packages)('faults of memcached through %s', (name) => {
  // What it held is gone, and no fault of anybody; what is written from then on has to be there, and
  // nothing may be older than the newest.
  test('a kill -9 under load costs what was held, no attempt, and nothing that comes after', async () => {
    const { client } = connect(name, memcached)
    const load = await openLoad(memcachedTarget<number>({ client }))
    await load.wal.start()
    await load.write(0, 300)
    const writing = load.write(300, 2_000)
    await memcached.kill()
    await until(() => load.paused.size > 0)
    await writing
    const after = await load.write(2_000, 2_300)
    await memcached.start()
    const { get } = connect(name, memcached)
    expect(await load.finish(get, (key) => !after.has(key))).toEqual(whole)
    expect([...load.paused].filter((why) => !why.startsWith('unavailable '))).toEqual([])
  })

  // It counts them from one again: the number that was read may by now be that of a newer item.
  test('a number of an item that was read before a restart is no number of another after it', async () => {
    const connection = connectionOf(connect(name, memcached).client)
    const item = (value: string) => ({ key: 'a', value, ttlSeconds: 0 })
    await storeNew(connection, item('first'))
    const read = await connection.gets('a')
    const number = (held?: HeldItem): number => Number(/\d+$/.exec(`${held?.cas}`))
    await memcached.kill()
    await memcached.start()
    const other = connectionOf(connect(name, memcached).client)
    let held: HeldItem | undefined
    while (number(held) < number(read)) {
      await storeNew(other, item('newest'))
      held = await other.gets('a')
    }
    expect(number(held)).toBe(number(read))
    const store = async () => connection.store({ ...item('older'), cas: read?.cas })
    // The first may be told only that its connection broke.
    expect(await store().catch(store)).toBe(false)
    expect((await other.gets('a'))?.value).toBe('newest')
    const again = await connection.gets('a')
    expect(await connection.store({ ...item('later'), cas: again?.cas })).toBe(true)
  })

  test('a connection that is cut between the reads and stores of a batch loses nothing', async () => {
    await using proxy = await tcpProxy({ host: memcached.host, port: memcached.port })
    const load = await openLoad(memcachedTarget<number>({ client: connect(name, proxy).client }))
    await load.wal.start()
    proxy.delay(10)
    const writing = load.write(0, 600)
    for (let cuts = 0; cuts < 5; cuts++) {
      const before = proxy.passed.down
      await until(() => proxy.passed.down > before)
      proxy.cut()
    }
    await writing
    await proxy.heal()
    expect(await load.finish(connect(name, memcached).get)).toEqual(whole)
    expect([...load.paused].filter((why) => !why.startsWith('unavailable '))).toEqual([])
  })

  test('a memory that is full, and evicts nothing, fails records that are applied once there is room', async () => {
    // It evicts nothing, and says so instead.
    await using full = await service('memcached', {
      instance: `full-${name}`,
      settings: { '-m': '2', '--disable-evictions': '' },
    })
    await fill(full)
    const value = (payload: number): string => `${payload}${' '.repeat(40)}`
    const target = memcachedTarget<number>({ client: connect(name, full).client, value })
    const retry = { maxAttempts: 100, minDelay: '20ms', maxDelay: '200ms' } as const
    const load = await openLoad(target, retry)
    const failures = new Set<string>()
    load.wal.on('retry', ({ attempt }) => failures.add(`${attempt.class} ${attempt.code}`))
    await load.wal.start()
    await load.write(0, 50)
    await until(() => failures.has('transient out_of_memory'))
    expect([...load.paused].filter((why) => why.startsWith('throttled '))).toEqual([])
    await full.reset()
    expect(await load.finish(connect(name, full).get)).toEqual(whole)
  })

  test('bad records of a cache fail for good, each by itself, and the others are applied', async () => {
    // Larger than the server takes, so that it is the server that refuses.
    const target = memcachedTarget<string>({
      client: connect(name, memcached).client,
      largestItemBytes: 4_000_000,
      value: (payload) => (payload === 'none' ? (undefined as never) : payload),
    })
    const held = makeRecord({ key: 'huge', payload: 'small', version: 1n }) as WalRecord<string>
    await applyTo(target, held)
    const huge = 'x'.repeat(1_100_000)
    const records = [
      ...[{ key: 'good' }, { key: 'huge', payload: huge, version: 2n }, { key: 'better' }],
      ...[{ key: 'k'.repeat(251) }, { key: 'none', payload: 'none' }, { key: undefined }],
      { key: 'best' },
    ].map((fields) => makeRecord({ payload: 'fine', ...fields } as object) as WalRecord<string>)
    expect((await applyTo(target, ...records)).map(classOf)).toEqual([
      'applied',
      'permanent too_large',
      'applied',
      'permanent bad_key',
      'permanent bad_value',
      'permanent no_key',
      'applied',
    ])
    // What was held before is held still, and guarded.
    const older = makeRecord({ key: 'huge', payload: 'older', version: 1n }) as WalRecord<string>
    expect((await applyTo(target, { ...older, version: 0n })).map(classOf)).toEqual(['superseded'])
    const { signal } = new AbortController()
    const read = (key: string) => target.read?.(key, { signal })
    expect([await read('good'), await read('best'), await read('huge')]).toEqual([
      'fine',
      'fine',
      'small',
    ])
  })

  test('a server that does not answer is given up when the signal says so', async () => {
    const target = memcachedTarget<number>({ client: connect(name, memcached).client })
    await target.open?.()
    memcached.pause()
    try {
      const signal = AbortSignal.timeout(100)
      const context = { namespace: 'n', target: 't', signal, attempts: [1] }
      const outcomes = await target.apply([makeRecord({ payload: 1 }) as never], context)
      expect(outcomes?.map(classOf)).toEqual(['transient aborted'])
      const health = target.health?.({ signal: AbortSignal.timeout(100) })
      await expect(health).rejects.toMatchObject({ code: 'ERR_UNAVAILABLE' })
      const read = target.read?.('a', { signal: AbortSignal.timeout(100) })
      await expect(read).rejects.toMatchObject({ name: 'TimeoutError' })
    } finally {
      memcached.resume()
    }
    await target.health?.({ signal: AbortSignal.timeout(5_000) })
  })

  test('a server that asks who it is, or is told a wrong password, gives no attempt away', async () => {
    const directory = mkdtempSync(join(tmpdir(), 'daybook-memcached-'))
    const users = join(directory, 'users')
    writeFileSync(users, 'clerk:secret\n')
    const { host } = memcached
    const port = memcached.port + 5
    const user = process.getuid?.() === 0 ? ['-u', 'root'] : []
    const args = [...user, '-l', memcached.host, '-p', `${port}`, '-m', '16', '-Y', users]
    const server = spawn('memcached', args, { stdio: 'ignore' })
    try {
      const { client } = connect(name, { host, port })
      const target = memcachedTarget<number>({ client })
      const record = makeRecord({ key: 'a', payload: 1 }) as WalRecord<number>
      const answers = new Set<string>()
      await until(async () => {
        answers.add(classOf((await applyTo(target, record))[0]))
        return answers.has('unavailable unauthenticated')
      })
      expect([...answers].filter((answer) => !answer.startsWith('unavailable '))).toEqual([])
      const [node] = viaMemcache({ host, port }).client.nodes
      await node?.connect()
      const refusal = await node?.command('set auth 0 0 11\r\nclerk wrong').catch(memcachedOutcome)
      expect(classOf(refusal as Outcome)).toBe('unavailable unauthenticated')
    } finally {
      server.kill('SIGKILL')
      rmSync(directory, { recursive: true })
    }
  })
})

/** Stores an item, whatever is there. */
async function storeNew(
  connection: MemcachedConnection,
  item: Omit<ItemChange, 'cas'>,
): Promise<void> {
  const held = await connection.gets(item.key)
  expect(await connection.store({ ...item, cas: held?.cas })).toBe(true)
}

/** Stores small items, many at once, until there is no room for another. */
async function fill(server: Service): Promise<void> {
  const { client } = viaMemcache(server)
  await client.connect()
  const [node] = client.nodes
  const item = 'x'.repeat(80)
  let isFull = false
  for (let from = 0; !isFull; from += 500) {
    const stores = Array.from({ length: 500 }, (_, at) =>
      node?.command(`set filler-${from + at} 0 0 ${item.length}\r\n${item}`),
    )
    const ends = await Promise.allSettled(stores)
    isFull = ends.some((end) => end.status === 'rejected' && /out of memory/.test(`${end.reason}`))
  }
}
