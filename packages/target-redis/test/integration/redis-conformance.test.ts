// needs: redis

import { targetConformance } from '@daybook/core/testing'
import { type Service, service } from '@daybook/services'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { RedisClient } from '../../src/index.ts'
import { connect, disconnectAll, packages } from '../support/clients.ts'
import { type Flaw, flaws, withScript } from '../support/flaws.ts'
import { fetchingSubject, films, subject } from '../support/subjects.ts'

const seed = Number(process.env['DAYBOOK_SEED'])

let redis: Service
const clients = new Map<string, RedisClient>()
const client = (name: string): RedisClient => clients.get(name) as RedisClient

beforeAll(async () => {
  redis = await service('redis', { instance: 'conformance', settings: { appendonly: 'no' } })
  await redis.reset()
  for (const name of packages) clients.set(name, connect(name, redis))
  for (const each of clients.values()) await each.ping()
})
afterAll(async () => {
  disconnectAll()
  await redis.remove()
})

describe.each(packages)('redisTarget through %s', (name) => {
  const cases = targetConformance({
    create: () => subject(redis, client(name), { patch: 'merge' }),
    // Both clients together: five hundred histories, patches among them, in any order.
    ...{ ...films, runs: 250, seed: seed + 250 * packages.indexOf(name) },
  })
  for (const { name: title, run } of cases) test(title, run)
})

describe('redisTarget without patches', () => {
  const cases = targetConformance({
    create: () => subject(redis, client('redis')),
    ...{ ...films, runs: 100, seed },
  })
  for (const { name: title, run } of cases) test(title, run)
})

describe('redisTarget that fetches values', () => {
  const cases = targetConformance({
    create: () => fetchingSubject(redis, client('ioredis')),
    // What has to be held is what the source makes of patches. It has every change before its record is applied,
    // so that with patches records come in order.
    ...{ ...films, patchOfNothing: 'row', patchesCommute: false, runs: 100, seed },
  })
  const held = cases.filter(
    ({ name }) => name !== 'changes nothing by patches that come late, in any order',
  )
  for (const { name: title, run } of held) test(title, run)
})

describe('the suite on Redis', () => {
  test.each(flaws)('finds a script that $flaw', async ({ change, turnsRed, options }: Flaw) => {
    const create = () => subject(redis, withScript(client('redis'), change), options)
    const cases = targetConformance({ create, ...films, runs: 100, seed })
    const red: string[] = []
    for (const { name, run } of cases) {
      if (!turnsRed.includes(name)) continue
      await run().catch(() => red.push(name))
    }
    expect(red.sort()).toEqual([...turnsRed].sort())
  })
})
