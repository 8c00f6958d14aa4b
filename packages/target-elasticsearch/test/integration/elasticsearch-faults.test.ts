// needs: elasticsearch

import { setTimeout } from 'node:timers/promises'
import { type Service, service, tcpProxy } from '@daybook/services'
import { Client } from '@elastic/elasticsearch'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { elasticsearchTarget } from '../../src/index.ts'
import { type Film, filmMappings, type Place } from '../conformance-subject.ts'
import { deliver, type FilmsRun } from '../faulty-run.ts'
import { heldFilms } from '../held-films.ts'
import { loginFront } from '../login-front.ts'

const index = 'films'
const settings = { number_of_replicas: 0 }
let elasticsearch: Service
let place: Place
const clients: Client[] = []

beforeEach(async () => {
  elasticsearch = await service('elasticsearch')
  await elasticsearch.reset()
  place = { client: connect(elasticsearch.address), index }
  await place.client.indices.create({ index, settings, mappings: filmMappings })
})
afterEach(async () => {
  for (const client of clients.splice(0)) await client.close()
})

/** With the retries that a client has by itself: ours must do without them. */
function connect(address: string, apiKey?: string): Client {
  const auth = apiKey === undefined ? {} : { auth: { apiKey } }
  const client = new Client({ node: `http://${address}`, ...auth })
  clients.push(client)
  return client
}

const targetOn = (client: Client) => elasticsearchTarget<Film>({ client, index })

/** Paused for such an outage, all delivered after it, nobody charged, and the store as it must be. */
async function expectUnharmed(run: FilmsRun, code: RegExp): Promise<void> {
  await run.settle()
  expect(run.ends).toMatchObject({ dead: 0, superseded: 0 })
  expect(run.highestAttempt).toBe(1)
  expect(run.paused.length).toBeGreaterThan(0)
  for (const event of run.paused) {
    expect(event).toMatchObject({ reason: 'unavailable', code: expect.stringMatching(code) })
  }
  expect(await heldFilms(place)).toEqual(run.expected)
}

test('a node killed under load and started again holds all of it, and no record paid for it', async () => {
  await using run = await deliver(targetOn(connect(elasticsearch.address)))
  const loading = run.write(6_000, 500)
  await expect.poll(() => run.ends.applied, { interval: 2 }).toBeGreaterThan(500)
  await elasticsearch.kill()
  expect(run.ends.applied).toBeLessThan(6_000)
  await loading
  await elasticsearch.start()
  await expectUnharmed(run, /^ConnectionError$|_exception$|^503$/)
})

test('a connection cut in the middle of a bulk, also before its answer, costs nothing', async () => {
  await using proxy = await tcpProxy(elasticsearch)
  await using run = await deliver(targetOn(connect(proxy.address)))
  await run.write(200, 100)
  await run.settle()
  proxy.limit(100_000, 'up')
  await run.write(1_000, 300)
  for (let cuts = 0; cuts < 3; cuts++) {
    await setTimeout(100)
    proxy.cut()
  }
  await proxy.heal()
  await run.settle()
  // What arrives is stored, and nobody hears of it.
  proxy.hold('down')
  const { up } = proxy.passed
  await run.write(150, 150)
  await expect.poll(() => proxy.passed.up - up).toBeGreaterThan(10_000)
  await expect.poll(() => heldFilms(place)).toEqual(run.expected)
  proxy.cut()
  await proxy.heal()
  await expectUnharmed(run, /^ConnectionError$/)
})

test("bad documents among good ones are dead letters by the store's own word, and cost the good ones nothing", async () => {
  await using run = await deliver(targetOn(place.client))
  const films = run.wal.namespace('films')
  const bad = Array.from({ length: 40 }, (_, number) =>
    films.write({ key: `bad ${number}`, payload: { title: 'x', year: 'soon' } as never }),
  )
  await Promise.all([run.write(600, 200), ...bad])
  await run.settle()
  expect(run.ends).toEqual({ applied: 600, superseded: 0, dead: 40 })
  expect(run.highestAttempt).toBe(1)
  expect(await films.deadLetters.groups()).toMatchObject([
    { target: 'search', code: 'document_parsing_exception', count: 40 },
  ])
  const { letters } = await films.deadLetters.list({})
  expect(letters[0]?.message).toMatch(/field \[year\] of type \[integer\].*"soon"/)
  expect(run.paused).toEqual([])
  expect(await heldFilms(place)).toEqual(run.expected)
})

test('credentials that are not accepted are an outage, over once they are', async () => {
  await using front = await loginFront(elasticsearch)
  await using run = await deliver(targetOn(connect(front.address, 'ours')))
  await run.write(300, 100)
  await expect.poll(() => run.paused.length, { timeout: 5_000 }).toBeGreaterThan(2)
  expect(await heldFilms(place)).toEqual(new Map())
  front.accept('ours')
  await expectUnharmed(run, /^security_exception$/)
})

test('a missing index that the store must not create is an outage, over once it is there', async () => {
  const { client } = place
  const create = (allowed: string | null) =>
    client.cluster.putSettings({ persistent: { 'action.auto_create_index': allowed } })
  await create('false')
  try {
    await client.indices.delete({ index })
    await using run = await deliver(targetOn(connect(elasticsearch.address)))
    await run.write(300, 100)
    await expect.poll(() => run.paused.length, { timeout: 5_000 }).toBeGreaterThan(2)
    expect(await client.indices.exists({ index })).toBe(false)
    await client.indices.create({ index, settings, mappings: filmMappings })
    // The second of them is what a shard says that is only just beginning.
    await expectUnharmed(run, /^index_not_found_exception$|^no_shard_available_action_exception$/)
  } finally {
    await create(null)
  }
})

/** As a write says it, and as the probe does. */
const missingShard = /^unavailable_shards_exception$|^no_shard_available_action_exception$/

test('an index without its shard says so before the apply is out of time', async () => {
  const { client } = place
  await client.indices.delete({ index })
  const nowhere = { 'index.routing.allocation.require._name': 'nobody' }
  const parked = { settings: { ...settings, ...nowhere }, wait_for_active_shards: 0 } as const
  await client.indices.create({ index, ...parked, mappings: filmMappings })
  const quick = { client: connect(elasticsearch.address), index, shardTimeoutMs: 300 }
  await using run = await deliver(elasticsearchTarget<Film>(quick))
  await run.write(100, 100)
  await expect.poll(() => run.paused.length, { timeout: 10_000 }).toBeGreaterThan(1)
  const anywhere = { 'index.routing.allocation.require._name': null }
  await client.indices.putSettings({ index, settings: anywhere })
  await expectUnharmed(run, missingShard)
})

/** One that leads to a shard that answers, and one that leads to a shard that does not: once one of them does. */
async function bothRoutings(): Promise<readonly string[]> {
  const routings = ['a', 'b', 'c', 'd', 'e', 'f', 'g', 'h']
  const look = async (): Promise<readonly (string | undefined)[]> => {
    const codes = await Promise.all(
      routings.map((routing) =>
        place.client.get({ index, id: 'nothing', routing }).catch(({ statusCode }) => statusCode),
      ),
    )
    return [404, 503].map((code) => routings[codes.indexOf(code)])
  }
  let found: readonly (string | undefined)[] = []
  const both = async (): Promise<boolean> => {
    found = await look()
    return found.every((routing) => routing !== undefined)
  }
  await expect.poll(both, { timeout: 15_000 }).toBe(true)
  return found.map(String)
}

test('one lost shard of two is waited for at the cost of no record, though the other takes all that it is given', async () => {
  const { client } = place
  await client.indices.delete({ index })
  // One node may then hold but one of them.
  const half = { number_of_shards: 2, 'index.routing.allocation.total_shards_per_node': 1 }
  const parked = { settings: { ...settings, ...half }, wait_for_active_shards: 0 } as const
  await client.indices.create({ index, ...parked, mappings: filmMappings })
  const [there = '', lost = ''] = await bothRoutings()
  const routing = ({ key }: { readonly key: string | undefined }): string =>
    key === 'film 0' ? lost : there
  const quick = { client: connect(elasticsearch.address), index, shardTimeoutMs: 100, routing }
  await using run = await deliver(elasticsearchTarget<Film>(quick))
  const enough = 12
  const loading = async (): Promise<number> => {
    await run.write(10, 10_000)
    return run.paused.length
  }
  await expect.poll(loading, { interval: 100, timeout: 15_000 }).toBeGreaterThan(enough)
  expect(run.ends.applied).toBeGreaterThan(0)
  const whole = { 'index.routing.allocation.total_shards_per_node': -1 }
  await client.indices.putSettings({ index, settings: whole })
  await expectUnharmed(run, missingShard)
})

test('of many indices those that are closed, full, locked, gone or homeless hold their own records, and nobody pays', async () => {
  const { client } = place
  const names = ['there', 'closed', 'full', 'locked', 'gone', 'homeless'].map(
    (name) => `own-${name}`,
  )
  const indexOf = (key: string): string => names[Number(key.slice('film '.length)) % 6] ?? ''
  const create = (name: string) =>
    client.indices.create({ index: name, settings, mappings: filmMappings })
  const [, closed = '', full = '', locked = '', gone = '', homeless = ''] = names
  const nowhere = { 'index.routing.allocation.require._name': 'nobody' }
  for (const name of names.slice(0, 4)) await create(name)
  await client.indices.close({ index: closed })
  await client.indices.putSettings({
    index: full,
    settings: { 'index.blocks.read_only_allow_delete': true },
  })
  await client.indices.putSettings({ index: locked, settings: { 'index.blocks.write': true } })
  await client.indices.create({
    ...{ index: homeless, settings: { ...settings, ...nowhere }, mappings: filmMappings },
    wait_for_active_shards: 0,
  })
  const autoCreate = (allowed: string | null) =>
    client.cluster.putSettings({ persistent: { 'action.auto_create_index': allowed } })
  await autoCreate('false')
  try {
    await using run = await deliver(
      elasticsearchTarget<Film>({
        ...{ client: connect(elasticsearch.address), shardTimeoutMs: 200 },
        index: ({ key = '' }) => indexOf(key),
      }),
    )
    const held = new Map<string, Set<string>>()
    run.wal.on('held', ({ record, code }) => {
      const index = indexOf(record.key ?? '')
      held.set(index, (held.get(index) ?? new Set()).add(code))
    })
    await run.write(300, 60)
    // A sixth of them, whatever becomes of the others.
    await expect.poll(() => run.ends.applied, { timeout: 15_000 }).toBe(50)
    await expect.poll(() => held.size, { timeout: 15_000 }).toBe(5)
    expect(Object.fromEntries([...held].map(([index, codes]) => [index, [...codes]]))).toEqual({
      [closed]: ['index_closed_exception'],
      [full]: ['cluster_block_exception'],
      [locked]: ['cluster_block_exception'],
      [gone]: ['index_not_found_exception'],
      [homeless]: ['unavailable_shards_exception'],
    })
    await client.indices.open({ index: closed })
    await client.indices.putSettings({
      index: full,
      settings: { 'index.blocks.read_only_allow_delete': null },
    })
    await client.indices.putSettings({ index: locked, settings: { 'index.blocks.write': null } })
    await create(gone)
    const anywhere = { 'index.routing.allocation.require._name': null }
    await client.indices.putSettings({ index: homeless, settings: anywhere })
    await run.settle()
    expect(run.ends).toMatchObject({ dead: 0, superseded: 0, applied: 300 })
    expect(run.highestAttempt).toBe(1)
    expect(run.paused).toEqual([])
    const found = await Promise.all(names.map((name) => heldFilms({ client, index: name })))
    expect(new Map(found.flatMap((films) => [...films]))).toEqual(run.expected)
  } finally {
    await autoCreate(null)
  }
})

test('of many indices one that is read and takes no writes slows the others but once, and nobody pays', async () => {
  const { client } = place
  const names = ['own-there', 'own-unwritten']
  const [there = '', unwritten = ''] = names
  await client.indices.create({ index: there, settings, mappings: filmMappings })
  // It wants to be in two places, and there is one node.
  const pair = { number_of_replicas: 1, 'index.write.wait_for_active_shards': '2' }
  await client.indices.create({
    ...{ index: unwritten, settings: pair, mappings: filmMappings, wait_for_active_shards: 1 },
  })
  const target = elasticsearchTarget<Film>({
    ...{ client: connect(elasticsearch.address), shardTimeoutMs: 3_000 },
    index: ({ key = '' }) => names[Number(key.slice('film '.length)) % 2] ?? '',
  })
  const tookMs: number[] = []
  const timed: typeof target = {
    ...target,
    async apply(records, context) {
      const startedAt = performance.now()
      const outcomes = await target.apply(records, context)
      tookMs.push(performance.now() - startedAt)
      return outcomes
    },
  }
  await using run = await deliver(timed, 1)
  const parts = async () =>
    (await run.wal.status()).namespaces.films.targets.search.delivery?.heldParts
  await run.write(40, 40)
  await expect
    .poll(parts, { timeout: 15_000 })
    .toMatchObject([{ part: unwritten, code: 'unavailable_shards_exception', records: 20 }])
  const before = run.ends.applied
  expect(before).toBe(20)
  // Two refusals more, after 1 and 2 s: what is for the other index comes with each.
  const until = performance.now() + 5_500
  while (performance.now() < until) {
    await run.write(2, 40)
    await setTimeout(20)
  }
  await expect.poll(() => run.ends.applied - before).toBeGreaterThan(50)
  const slow = tookMs.filter((ms) => ms > 400)
  expect(slow.filter((ms) => ms > 2_500)).toHaveLength(1)
  expect(slow.length).toBeGreaterThan(2)
  const whole = { 'index.write.wait_for_active_shards': '1' }
  await client.indices.putSettings({ index: unwritten, settings: whole })
  await run.settle()
  expect(run.ends).toMatchObject({ dead: 0, superseded: 0 })
  expect(run.highestAttempt).toBe(1)
  expect(run.paused).toEqual([])
  const found = await Promise.all(names.map((name) => heldFilms({ client, index: name })))
  expect(new Map(found.flatMap((films) => [...films]))).toEqual(run.expected)
})

test('fields that the store has no time to map cost their records nothing', async () => {
  const { client } = place
  await client.indices.create({ index: 'own-unmapped', settings })
  const hasty = { client, index: () => 'own-unmapped', shardTimeoutMs: 1 }
  await using run = await deliver(elasticsearchTarget<Film>(hasty))
  const codes = new Set<string>()
  run.wal.on('held', ({ code }) => codes.add(code))
  // The master makes these first.
  const others = Array.from({ length: 20 }, (_, n) => `own-other-${n}`)
  const making = Promise.all(others.map((index) => client.indices.create({ index, settings })))
  await run.write(10, 10)
  await Promise.all([run.settle(), making])
  expect([...codes]).toEqual(['mapper_exception'])
  expect(run.ends).toMatchObject({ dead: 0, applied: 10 })
  expect(run.highestAttempt).toBe(1)
  expect(await heldFilms({ client, index: 'own-unmapped' })).toEqual(run.expected)
})

test('an index that the store has no room for holds its records until there is', async () => {
  const { client } = place
  const allow = (shards: number | null) =>
    client.cluster.putSettings({ persistent: { 'cluster.max_shards_per_node': shards } })
  await allow(1)
  try {
    await using run = await deliver(
      elasticsearchTarget<Film>({ client, index: ({ op }) => (op === 'put' ? 'own-new' : index) }),
    )
    const codes = new Set<string>()
    run.wal.on('held', ({ code }) => codes.add(code))
    await run.write(10, 10)
    await expect.poll(() => [...codes], { timeout: 15_000 }).toEqual(['validation_exception'])
    await allow(null)
    await run.settle()
    expect(run.ends).toMatchObject({ dead: 0, applied: 10 })
    expect(run.highestAttempt).toBe(1)
    expect(await heldFilms({ client, index: 'own-new' })).toEqual(run.expected)
  } finally {
    await allow(null)
  }
})
