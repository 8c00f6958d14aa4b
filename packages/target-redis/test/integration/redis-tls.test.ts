// needs: redis

import { makeRecord } from '@daybook/core/testing'
import { type Certificates, readCertificates, type Service, service } from '@daybook/services'
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest'
import { redisTarget } from '../../src/index.ts'
import { type Connect, connect, disconnectAll, packages } from '../support/clients.ts'

let redis: Service
let own: Certificates
let of: (tls: NonNullable<Connect['tls']>) => Connect
beforeAll(async () => {
  redis = await service('redis', { instance: 'tls', secure: true })
  own = readCertificates(`${redis.directory}/certificates`)
  of = (tls) => ({ host: redis.host, port: redis.ports['tls'] ?? 0, tls })
})
afterEach(disconnectAll)
afterAll(() => redis.remove())

async function outcomeFor(name: (typeof packages)[number], to: Connect) {
  const target = redisTarget<string>({ client: connect(name, to) })
  const record = makeRecord({ key: 'a', payload: `by ${name}` }) as never
  const { signal } = new AbortController()
  const context = { namespace: 'n', target: 't', signal, attempts: [1] }
  const apply = async () => (await target.apply([record], context))?.[0]
  return { apply, read: () => target.read?.('a', { signal }) }
}

describe.each(packages)('Redis over TLS through %s', (name) => {
  test('lets in who shows a certificate of its authority, and holds what was put', async () => {
    const { apply, read } = await outcomeFor(name, of(own))
    // Until the handshake is done there is no connection.
    await expect.poll(apply, { timeout: 10_000 }).toEqual({ status: 'applied' })
    expect(await read()).toBe(`by ${name}`)
  })

  test('is an outage for who shows none, or does not know its authority', async () => {
    const { apply } = await outcomeFor(name, of({ ca: own.ca }))
    const stranger = await outcomeFor(name, of({ ...own, ca: own.cert }))
    for (let tries = 0; tries < 10; tries++) {
      expect(await apply()).toMatchObject({ status: 'unavailable' })
      expect(await stranger.apply()).toMatchObject({ status: 'unavailable' })
      await new Promise((resolve) => setTimeout(resolve, 30))
    }
  })
})
