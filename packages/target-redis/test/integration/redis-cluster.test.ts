// needs: redis

import { setTimeout as sleep } from 'node:timers/promises'
import { targetConformance } from '@daybook/core/testing'
import { type Service, service } from '@daybook/services'
import { Cluster, Redis } from 'ioredis'
import { createCluster } from 'redis'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { RedisClient } from '../../src/index.ts'
import { redisTarget } from '../../src/index.ts'
import { slotOf, versionKeyOf } from '../../src/redis-keys.ts'
import { openLoad, whole } from '../support/load.ts'
import { films, subject } from '../support/subjects.ts'

const seed = Number(process.env['DAYBOOK_SEED'])

let nodes: Service[]
let admins: Redis[]
const clients = new Map<string, RedisClient>()
const ends: (() => unknown)[] = []

beforeAll(async () => {
  nodes = await Promise.all(
    [0, 1, 2].map((at) =>
      service('redis', {
        instance: `cluster-${at}`,
        settings: {
          ...{ 'cluster-enabled': 'yes', 'cluster-node-timeout': '500' },
          'cluster-port': `${17_411 + at}`,
        },
      }),
    ),
  )
  admins = nodes.map(({ host, port }) => new Redis({ host, port }))
  for (const admin of admins) admin.on('error', () => {}) // while its node is gone
  await joinNodes()
  const [{ host, port }] = nodes as [Service]
  const ioCluster = new Cluster([{ host, port }], {
    maxRedirections: 4,
    retryDelayOnFailover: 50,
  })
  const nodeCluster = createCluster({
    rootNodes: [{ socket: { host, port } }],
    defaults: { socket: { reconnectStrategy: () => 50 } },
    commandOptions: { timeout: 500 },
  })
  for (const event of ['error', 'node-error']) nodeCluster.on(event, () => {})
  ioCluster.on('error', () => {})
  await nodeCluster.connect()
  clients.set('redis', nodeCluster).set('ioredis', ioCluster)
  ends.push(
    () => ioCluster.disconnect(),
    () => nodeCluster.destroy(),
  )
}, 60_000)
afterAll(async () => {
  for (const end of ends) end()
  for (const admin of admins ?? []) admin.disconnect()
  for (const node of nodes ?? []) await node.remove()
})

/** Makes one cluster of the nodes: each has a third of the slots, and knows the others. */
async function joinNodes(): Promise<void> {
  const bounds = [0, 5_461, 10_923, 16_384]
  for (const [at, admin] of admins.entries()) {
    await admin.cluster('FLUSHSLOTS')
    await admin.call('CLUSTER', 'ADDSLOTSRANGE', `${bounds[at]}`, `${(bounds[at + 1] ?? 0) - 1}`)
    await admin.call('CLUSTER', 'SET-CONFIG-EPOCH', `${at + 1}`)
  }
  for (const [at, node] of nodes.slice(1).entries()) {
    await admins[0]?.call('CLUSTER', 'MEET', node.host, `${node.port}`, `${17_411 + at + 1}`)
  }
  for (const admin of admins) {
    for (let tries = 0; !`${await admin.cluster('INFO')}`.includes('cluster_state:ok'); tries++) {
      if (tries > 200) throw new Error(`No cluster: ${await admin.cluster('INFO')}`)
      await sleep(50)
    }
  }
}

/** Which of the nodes has a key. */
const ownerOf = (key: string): number => (slotOf(key) < 5_461 ? 0 : slotOf(key) < 10_923 ? 1 : 2)

/** Keys whose braces make tags, no tags, and half of one. */
const braces = [
  'a',
  '{a}',
  '{a}b',
  'x{a}y',
  '{}',
  '{}a',
  'a}b',
  '}{',
  'a{b',
  '{a',
  '{a}{b}',
  '}a{b}c',
]

test('a version is in the slot of its key, whatever braces the key has, and no two share one', async () => {
  const [admin] = admins as [Redis]
  for (const key of braces) {
    expect(await admin.cluster('KEYSLOT', key), key).toBe(slotOf(key))
    expect(await admin.cluster('KEYSLOT', versionKeyOf(key)), key).toBe(slotOf(key))
  }
  expect(new Set(braces.map(versionKeyOf)).size).toBe(braces.length)
})

describe.each(['redis', 'ioredis'])('a cluster through %s', (name) => {
  const cases = targetConformance({
    // Its stall would take one node of three.
    create: () => {
      const { stall, ...rest } = subject(nodes[0] as Service, clients.get(name) as RedisClient)
      return rest
    },
    ...{ ...films, keys: [...braces, 'Ærø', '" OR 1=1'], runs: 50, seed },
  })
  for (const { name: title, run } of cases) test(title, run)

  test('loses nothing, and spends no attempt, over a kill -9 of one node of it', async () => {
    const client = clients.get(name) as RedisClient
    const [, node] = nodes as [Service, Service]
    const load = await openLoad(redisTarget<number>({ client }))
    await load.wal.start()
    await load.write(0, 200)
    const writing = load.write(200, 600)
    await node.kill()
    await writing
    await expect.poll(() => load.paused.size, { timeout: 20_000 }).toBeGreaterThan(0)
    // Long enough for the others to take the cluster for down.
    await sleep(1_500)
    await node.start()
    expect(await load.finish(client)).toEqual(whole)
    expect([...load.paused].filter((why) => !why.startsWith('unavailable '))).toEqual([])
  })

  test('a node that stays away for long makes no dead letter, while the others take what is theirs', async () => {
    const client = clients.get(name) as RedisClient
    const [, node] = nodes as [Service, Service]
    for (const admin of admins) await admin.config('SET', 'cluster-require-full-coverage', 'no')
    const keys = Array.from({ length: 300 }, (_, at) => `lasting ${name} ${at}`)
    const gone = keys.find((key) => ownerOf(key) === 1) as string
    const there = keys.filter((key) => ownerOf(key) !== 1)
    const load = await openLoad(redisTarget<number>({ client }))
    let dead = 0
    load.wal.on('deadLettered', () => dead++)
    await load.wal.start()
    await node.kill()
    await load.put(gone, 1)
    for (let n = 0; load.pauses() < 8 && dead === 0; n++) {
      await load.put(there[n % there.length] as string, n)
      await sleep(10)
    }
    await node.start()
    expect(await load.finish(client)).toEqual(whole)
    expect([...load.paused].filter((why) => !why.startsWith('unavailable '))).toEqual([])
  })

  test('spreads over all nodes, and is told to be an outage by a client for one server', async () => {
    for (const admin of admins) expect(await admin.dbsize()).toBeGreaterThan(100)
    const [{ host, port }] = nodes as [Service]
    const single = new Redis({ host, port })
    await single.ping()
    const { signal } = new AbortController()
    const moved = Array.from({ length: 20 }, (_, at) => `key ${at}`).find(
      (key) => slotOf(key) > 5_460,
    )
    const record = { key: moved, op: 'put', version: 1n, payload: {} } as never
    const context = { namespace: 'n', target: 't', signal, attempts: [1] }
    const outcomes = await redisTarget({ client: single }).apply([record], context)
    single.disconnect()
    expect(outcomes).toEqual([expect.objectContaining({ status: 'unavailable', code: 'MOVED' })])
  })
})
