// needs: memcached

import { targetConformance } from '@daybook/core/testing'
import { type Service, service } from '@daybook/services'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { MemcacheConnection } from '../../src/memcache-connection.ts'
import {
  type Connected,
  connect,
  disconnectAll,
  packages,
  viaMemcache,
} from '../support/clients.ts'
import { type Flaw, flaws } from '../support/flaws.ts'
import { fetchingSubject, films, subject } from '../support/subjects.ts'

const seed = Number(process.env['DAYBOOK_SEED'])

let memcached: Service
const clients = new Map<string, Connected>()
const client = (name: string): Connected => clients.get(name) as Connected

beforeAll(async () => {
  memcached = await service('memcached', { instance: 'conformance' })
  await memcached.reset()
  for (const name of packages) clients.set(name, connect(name, memcached))
})
afterAll(async () => {
  await disconnectAll()
  await memcached.remove()
})

describe.each(packages)('memcachedTarget through %s', (name) => {
  const cases = targetConformance({
    create: () => subject(memcached, client(name), { patch: 'merge' }),
    // Both clients together: five hundred histories, patches among them, in any order.
    ...{ ...films, runs: 250, seed: seed + 250 * packages.indexOf(name) },
  })
  for (const { name: title, run } of cases) test(title, run)
})

describe('memcachedTarget without patches', () => {
  const cases = targetConformance({
    create: () => subject(memcached, client('memcache')),
    ...{ ...films, runs: 100, seed },
  })
  for (const { name: title, run } of cases) test(title, run)
})

describe('memcachedTarget that fetches values', () => {
  const cases = targetConformance({
    create: () => fetchingSubject(memcached, client('memcache-client')),
    // What has to be held is what the source makes of patches. It has every change before its record is applied,
    // so that with patches records come in order.
    ...{ ...films, patchOfNothing: 'row', patchesCommute: false, runs: 100, seed },
  })
  const held = cases.filter(
    ({ name }) => name !== 'changes nothing by patches that come late, in any order',
  )
  for (const { name: title, run } of held) test(title, run)
})

describe('the suite on memcached', () => {
  test.each(flaws)('finds a way that $flaw', async ({ change, turnsRed, options }: Flaw) => {
    const create = () => {
      const connected = viaMemcache(memcached)
      const whole = new MemcacheConnection(connected.client)
      const parts = {
        gets: (key: string) => whole.gets(key),
        store: whole.store.bind(whole),
        ping: () => whole.ping(),
      }
      return {
        ...subject(memcached, { ...connected, client: { ...parts, ...change(whole) } }, options),
        dispose: () => connected.client.disconnect(),
      }
    }
    const red: string[] = []
    for (const { name, run } of targetConformance({ create, ...films, runs: 100, seed })) {
      if (turnsRed.includes(name)) await run().catch(() => red.push(name))
    }
    expect(red.sort()).toEqual([...turnsRed].sort())
  })
})
