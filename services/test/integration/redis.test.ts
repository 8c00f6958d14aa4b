// needs: redis

import { Redis } from 'ioredis'
import { expect, test } from 'vitest'
import { type Service, service } from '../../src/index.ts'

async function withClient<T>(at: Service, work: (client: Redis) => Promise<T>): Promise<T> {
  const client = new Redis({ host: at.host, port: at.port })
  try {
    return await work(client)
  } finally {
    client.disconnect()
  }
}

test('Redis keeps what it acknowledged over a kill -9, until it is reset', async () => {
  const redis = await service('redis')
  await redis.reset()
  const keys = Array.from({ length: 500 }, (_, index) => `key ${index}`)
  await withClient(redis, (client) => Promise.all(keys.map((key) => client.set(key, key))))
  await redis.kill()
  await redis.start()
  expect(await withClient(redis, (client) => client.mget(keys))).toEqual(keys)
  await redis.reset()
  expect(await withClient(redis, (client) => client.dbsize())).toBe(0)
})

test('a paused Redis answers nobody, and goes on where it was', async () => {
  const redis = await service('redis')
  redis.pause()
  const client = new Redis({
    host: redis.host,
    port: redis.port,
    commandTimeout: 300,
    lazyConnect: true,
  })
  client.on('error', () => {}) // which says the same as the call below
  await expect(client.ping()).rejects.toThrow(/timed out/i)
  redis.resume()
  client.disconnect()
  expect(await withClient(redis, (other) => other.ping())).toBe('PONG')
})
