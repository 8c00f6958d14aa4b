// needs: memcached

import { Memcache } from 'memcache'
import { expect, test } from 'vitest'
import { isUp, type Service, service } from '../../src/index.ts'

async function withClient<T>(at: Service, work: (client: Memcache) => Promise<T>): Promise<T> {
  const client = new Memcache({ nodes: [at.address] })
  try {
    await client.connect()
    return await work(client)
  } finally {
    await client.disconnect()
  }
}

const set = (at: Service, value: string): Promise<boolean> =>
  withClient(at, (client) => client.set('key', value))
const get = (at: Service): Promise<string | undefined> =>
  withClient(at, (client) => client.get('key'))

test('memcached keeps a value, loses it by a kill -9, and takes the next', async () => {
  const memcached = await service('memcached')
  await memcached.reset()
  await set(memcached, 'first')
  expect(await get(memcached)).toBe('first')
  expect(isUp('memcached')).toBe(true)
  await memcached.kill()
  expect(isUp('memcached')).toBe(false)
  await memcached.start()
  expect(await get(memcached)).toBeUndefined()
  await set(memcached, 'second')
  expect(await get(memcached)).toBe('second')
  await memcached.reset()
  expect(await get(memcached)).toBeUndefined()
})

test('three instances of memcached are three, and are gone after use', async () => {
  const gone: Service[] = []
  {
    await using us = await service('memcached', { instance: 'us' })
    await using eu = await service('memcached', { instance: 'eu' })
    await using asia = await service('memcached', { instance: 'asia' })
    await Promise.all([set(us, 'us'), set(eu, 'eu'), set(asia, 'asia')])
    expect(await Promise.all([get(us), get(eu), get(asia)])).toEqual(['us', 'eu', 'asia'])
    await eu.kill()
    expect(await Promise.all([get(us), get(asia)])).toEqual(['us', 'asia'])
    gone.push(us, eu, asia)
  }
  expect(gone.map(({ isRunning }) => isRunning)).toEqual([false, false, false])
})

test('an instance is not shared by those who want it different', async () => {
  await using first = await service('memcached', { instance: 'own', settings: { '-I': '2m' } })
  const same = await service('memcached', { instance: 'own', settings: { '-I': '2m' } })
  expect(same.address).toBe(first.address)
  await expect(service('memcached', { instance: 'own' })).rejects.toThrow(/other options/)
})

test('a server that ends while it starts says so, with the end of its log', async () => {
  const settings = { '--no-such-option': '1' }
  const start = service('memcached', { instance: 'broken', settings })
  await expect(start).rejects.toThrow(/memcached \(broken\) ended by itself:[\s\S]*no-such-option/)
})
