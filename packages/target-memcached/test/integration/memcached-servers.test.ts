// needs: memcached

import { type Service, service } from '@daybook/services'
import type { Memcache } from 'memcache'
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from 'vitest'
import { memcachedTarget } from '../../src/index.ts'
import { disconnectAll, viaMemcache } from '../support/clients.ts'
import { openLoad, whole } from '../support/load.ts'

const names = ['ring-1', 'ring-2', 'ring-3']
let servers: readonly Service[]
beforeAll(async () => {
  servers = await Promise.all(names.map((instance) => service('memcached', { instance })))
})
afterAll(async () => {
  for (const server of servers) await server.remove()
})
beforeEach(async () => {
  for (const server of servers) await server.reset()
})
afterEach(disconnectAll)

/** Waits until the condition holds. */
const until = (holds: () => unknown) => expect.poll(holds, { timeout: 20_000 }).toBeTruthy()
const pause = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms))

/** True where one of these servers has the key. */
function onlyOn(client: Memcache, ...these: (Service | undefined)[]): (key: string) => boolean {
  const ports = new Set(these.map((server) => server?.port))
  return (key) => {
    const [node] = client.hash.getNodesByKey(key.replace(' ', '%20'))
    return ports.has(Number(node?.id.split(':')[1]))
  }
}

/** What became of records of the load's target, beside what it tells by itself. */
async function openRing() {
  const { client } = viaMemcache(...servers)
  const load = await openLoad(memcachedTarget<number>({ client }))
  const held = new Set<string>()
  load.wal.on('held', ({ record, code }) => held.add(`${record.key} ${code}`))
  return { client, load, held }
}

test('one server of a ring that is killed for long holds its own keys back, and nobody else', async () => {
  const { client, load, held } = await openRing()
  const [killed] = servers
  const isAway = onlyOn(client, killed)
  await load.wal.start()
  const before = await load.write(0, 300)
  await load.wal.drain()
  await killed?.kill()
  const during = await load.write(300, 900)
  const others = [...during].filter((key) => !isAway(key))
  const get = async (key: string) => client.get(key.replace(' ', '%20'))
  const newest = others.at(-2) ?? ''
  await until(async () => (await get(newest)) !== undefined)
  // Longer than a key is held: it is asked again, and again it is away.
  await pause(2_500)
  const { pending } = (await load.wal.status()).namespaces['load']?.targets['memcached'] ?? {}
  expect(pending).toBeGreaterThan(0)
  expect(others.length).toBeLessThan(during.size)
  expect(held.size).toBeGreaterThan(0)
  expect([...held].filter((each) => !isAway(each.slice(0, each.lastIndexOf(' '))))).toEqual([])
  await killed?.start()
  await load.write(900, 1_000)
  const end = await load.finish(
    viaMemcache(...servers).get,
    (key) => before.has(key) && !during.has(key) && isAway(key),
  )
  expect(end).toEqual(whole)
  expect([...load.paused]).toEqual([])
})

test('a ring of which no server answers is an outage, and each that comes back takes its keys', async () => {
  const { client, load } = await openRing()
  await load.wal.start()
  for (const server of servers) await server.kill()
  const keys = await load.write(0, 200)
  await until(() => load.paused.size > 0)
  const [first, ...rest] = servers
  await first?.start()
  const mine = [...keys].filter(onlyOn(client, first))
  const { get } = viaMemcache(...servers)
  const missing = async (): Promise<string[]> => {
    const values = await Promise.all(mine.map((key) => get(key.replace(' ', '%20'))))
    return mine.filter((_, at) => values[at] === undefined)
  }
  await until(async () => (await missing()).length === 0)
  for (const server of rest) await server.start()
  expect(await load.finish(get)).toEqual(whole)
  expect([...load.paused].filter((why) => !why.startsWith('unavailable '))).toEqual([])
})
