// needs: memcached

import { createWal, fanOut, memoryQueue, type } from '@daybook/core'
import { makeRecord } from '@daybook/core/testing'
import { type Service, service, type TlsFront, tlsFront } from '@daybook/services'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { memcachedTarget } from '../../src/index.ts'
import { type Certificate, connectByTls, disconnectAll, packages } from '../support/clients.ts'

// Not every memcached is built with TLS: it is taken off before the server.
let memcached: Service
let front: TlsFront
beforeAll(async () => {
  memcached = await service('memcached', { instance: 'tls' })
  front = await tlsFront(memcached)
})
beforeEach(() => memcached.reset())
afterEach(disconnectAll)
afterAll(async () => {
  await front[Symbol.asyncDispose]()
  await memcached.remove()
})

describe.each(packages)('memcached over TLS through %s', (name) => {
  test('is written to by who shows a certificate of its authority, many records at once', async () => {
    const { client, get } = connectByTls(name, front, front.certificates)
    const films = fanOut({
      ...{ payload: type<number>(), queue: memoryQueue() },
      targets: { cache: memcachedTarget<number>({ client }) },
    })
    const wal = await createWal({ namespaces: { films } })
    const keys = Array.from({ length: 200 }, (_, n) => `film-${n}`)
    for (const [n, key] of keys.entries()) await wal.write('films', { key, payload: n })
    await wal.start()
    expect((await wal.drain({ timeout: '20s' })).films.cache).toMatchObject({ applied: 200 })
    expect((await wal.status()).namespaces.films.targets.cache.delivery?.retried).toBe(0)
    await wal.close()
    const held = await Promise.all(keys.map(async (key) => Number(await get(key))))
    expect(held).toEqual(keys.map((_, n) => n))
  })

  test('is an outage for who shows no certificate, or does not know its authority', async () => {
    const { ca, cert, key } = front.certificates
    for (const tls of [{ ca }, { ca: cert, cert, key }] satisfies Certificate[]) {
      const target = memcachedTarget<number>({ client: connectByTls(name, front, tls).client })
      const record = makeRecord({ key: 'a', payload: 1 }) as never
      const { signal } = new AbortController()
      const context = { namespace: 'n', target: 't', signal, attempts: [1] }
      for (let tries = 0; tries < 5; tries++) {
        expect(await target.apply([record], context)).toMatchObject([{ status: 'unavailable' }])
      }
    }
  })
})
