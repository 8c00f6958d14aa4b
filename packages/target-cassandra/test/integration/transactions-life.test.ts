// needs: cassandra

import type { Clock, TransactionStore } from '@daybook/core'
import { createWal, memoryQueue, multiPartitionMutation, systemClock } from '@daybook/core'
import { recordingTarget } from '@daybook/core/testing'
import { service } from '@daybook/services'
import type { Client } from 'cassandra-driver'
import { afterAll, beforeAll, expect, test } from 'vitest'
import {
  type CassandraClient,
  type CassandraTransactionStoreOptions,
  cassandraTransactionStore,
} from '../../src/index.ts'
import { connect } from '../support/cassandra.ts'
import {
  createTransactionTables,
  makeHead,
  next,
  openStore,
  storeOptions,
} from '../support/transaction-stores.ts'

const keyspace = 'lives'
const hourMs = 3_600_000
const anyAge = { changedBefore: Number.POSITIVE_INFINITY, limit: 10 }

let client: Client

beforeAll(async () => {
  client = connect(await service('cassandra'))
  await client.connect()
  await createTransactionTables(client, keyspace)
})
afterAll(async () => {
  await client.execute(`DROP KEYSPACE ${keyspace}`)
  await client.shutdown()
})

/** A client whose next conditional change is not answered: it is kept, to be made later or never. */
function deafClient() {
  let isDeaf = false
  const kept: (() => Promise<unknown>)[] = []
  const own: CassandraClient = {
    connect: () => client.connect(),
    batch: () => Promise.reject(new Error('not used')),
    async execute(query, params = [], options = {}) {
      const call = () => client.execute(query, [...params], options as never)
      if (!isDeaf || !query.includes(' IF ')) return call()
      isDeaf = false
      kept.push(call)
      throw Object.assign(new Error('no answer'), { name: 'OperationTimedOutError' })
    },
  }
  return {
    own,
    deafen: () => {
      isDeaf = true
    },
    /** What was kept reaches the node, late. */
    makeKept: async () => {
      for (const call of kept.splice(0)) await call()
    },
  }
}

test('a change that was not answered is made before the next get, or never', async () => {
  const { own, deafen, makeKept } = deafClient()
  const store = await openStore(storeOptions(own, keyspace))
  const head = makeHead(Date.now())
  await store.create(head, [Buffer.from('chunk')])
  const sealed = next(head, 'sealed', { chunks: 1 })

  deafen()
  await expect(store.put(sealed)).rejects.toMatchObject({ code: 'ERR_UNAVAILABLE' })
  expect(await store.get(head.id)).toEqual(head)
  await makeKept()
  expect(await store.get(head.id)).toEqual(head)

  deafen()
  await expect(store.put(sealed)).rejects.toMatchObject({ code: 'ERR_UNAVAILABLE' })
  await makeKept()
  expect(await store.get(head.id)).toEqual(sealed)
  expect(await store.put(next(sealed, 'applying'))).toBe(true)
})

test('a creation that was not answered is made before the next get, or never, and may be tried again', async () => {
  const { own, deafen, makeKept } = deafClient()
  const store = await openStore(storeOptions(own, keyspace))
  const head = makeHead(Date.now())
  deafen()
  await expect(store.create(head, [])).rejects.toMatchObject({ retryable: true })
  expect(await store.get(head.id)).toBeUndefined()
  await makeKept()
  expect(await store.get(head.id)).toBeUndefined()
  expect(await store.create(head, [Buffer.from('again')])).toBe(true)
  expect(await store.chunk(head.id, 0)).toEqual(Buffer.from('again'))
})

test('several processes agree on one of their changes, and each learns of the others', async () => {
  const options = storeOptions(client, keyspace)
  const clients = await Promise.all(
    [1, 2, 3].map(async () => {
      const own = connect(await service('cassandra'))
      await own.connect()
      return own
    }),
  )
  const stores = await Promise.all(clients.map((own) => openStore({ ...options, client: own })))
  const [first] = stores as [TransactionStore]
  let head = makeHead(Date.now())
  await first.create(head, [])
  for (let round = 0; round < 10; round++) {
    const rivals = stores.map((_, at) => next(head, 'open', { mutations: round * 10 + at }))
    const made = await Promise.all(stores.map((store, at) => store.put(rivals[at] as typeof head)))
    expect(made.filter(Boolean)).toHaveLength(1)
    head = rivals[made.indexOf(true)] as typeof head
    for (const store of stores) expect(await store.get(head.id)).toEqual(head)
  }
  for (const own of clients) await own.shutdown()
})

async function count(table: string, where: string, params: unknown[]): Promise<number> {
  const query = `SELECT COUNT(*) AS rows FROM ${keyspace}.sets${table} WHERE ${where} ALLOW FILTERING`
  const { rows } = await client.execute(query, params, { prepare: true })
  return Number(rows[0]?.['rows'])
}

async function contentsOf(id: string): Promise<string> {
  const query = `SELECT contents FROM ${keyspace}.sets WHERE id = ? ALLOW FILTERING`
  const { rows } = await client.execute(query, [id], { prepare: true })
  return String(rows[0]?.['contents'])
}

test('what has ended lets go of its chunks, and of its own row in time', async () => {
  const options = storeOptions(client, keyspace)
  const store = await openStore({ ...options, endedFor: '1h' })
  const head = makeHead(Date.now())
  await store.create(head, [])
  for (let index = 0; index < 40; index++) await store.addChunk(head.id, index, Buffer.alloc(100))
  const contents = await contentsOf(head.id)
  expect(await count('_chunks', 'contents = ?', [contents])).toBe(40)
  const sealed = next(head, 'sealed', { chunks: 40 })
  await store.put(sealed)
  await store.put(next(sealed, 'applied'))
  expect(await count('_chunks', 'contents = ?', [contents])).toBe(0)
  expect(await count('_index', 'id = ?', [head.id])).toBe(1)
  const { rows } = await client.execute(
    `SELECT TTL(head) AS head, TTL(revision) AS revision, TTL(contents) AS contents FROM ${keyspace}.sets WHERE namespace = ? AND id = ?`,
    [options.namespace, head.id],
    { prepare: true },
  )
  for (const left of Object.values({ ...rows[0] })) {
    expect(left).toBeGreaterThan(3_500)
    expect(left).toBeLessThanOrEqual(3_600)
  }
})

test('a removal of chunks that failed in the middle is made up for when the transaction is removed', async () => {
  const options = storeOptions(client, keyspace)
  let removals = 0
  const own: CassandraClient = {
    connect: () => client.connect(),
    batch: () => Promise.reject(new Error('not used')),
    async execute(query, params = [], callOptions = {}) {
      if (/^DELETE FROM \S+_chunks/.test(query) && ++removals === 2) throw new Error('lost')
      return client.execute(query, [...params], callOptions as never)
    },
  }
  const store = await openStore({ ...options, client: own })
  const head = makeHead(Date.now())
  await store.create(head, [])
  for (const index of [0, 16, 32]) await store.addChunk(head.id, index, Buffer.alloc(10))
  const contents = await contentsOf(head.id)
  await store.put(next(head, 'discarded'))
  expect(await count('_chunks', 'contents = ?', [contents])).toBeGreaterThan(0)
  await store.remove(head.id)
  expect(await count('_chunks', 'contents = ?', [contents])).toBe(0)
})

test('a chunk that comes as its transaction is discarded is not left behind', async () => {
  const options = storeOptions(client, keyspace)
  const other = await openStore(options)
  const head = makeHead(Date.now())
  let discard: (() => Promise<unknown>) | undefined
  const own: CassandraClient = {
    connect: () => client.connect(),
    batch: () => Promise.reject(new Error('not used')),
    async execute(query, params = [], callOptions = {}) {
      if (/^INSERT INTO \S+_chunks/.test(query)) await discard?.()
      return client.execute(query, [...params], callOptions as never)
    },
  }
  const store = await openStore({ ...options, client: own })
  await store.create(head, [])
  const contents = await contentsOf(head.id)
  discard = () => other.put(next(head, 'discarded'))
  await expect(store.addChunk(head.id, 0, Buffer.from('late'))).rejects.toMatchObject({
    code: 'ERR_TRANSACTION_NOT_OPEN',
  })
  expect(await count('_chunks', 'contents = ?', [contents])).toBe(0)
})

/** A clock that is ahead of the machine's. */
function ahead(ms: number): Clock {
  return {
    now: () => systemClock.now() + ms,
    monotonic: () => systemClock.monotonic() + ms,
    setTimer: (delayMs, run, options) => systemClock.setTimer(delayMs, run, options),
  }
}

test('what is left of a creation that a crash cut short is removed by whoever lists an hour later', async () => {
  const { own, deafen } = deafClient()
  const options = storeOptions(own, keyspace)
  const store = await openStore(options)
  const head = makeHead(Date.now())
  deafen()
  await expect(store.create(head, [Buffer.from('orphan')])).rejects.toThrow()
  const { rows } = await client.execute(
    `SELECT contents FROM ${keyspace}.sets_index WHERE id = ? ALLOW FILTERING`,
    [head.id],
    { prepare: true },
  )
  const contents = String(rows[0]?.['contents'])
  expect(await store.list({ ...anyAge, state: 'open' })).toEqual([])
  expect(await count('_chunks', 'contents = ?', [contents])).toBe(1)
  const later = await openStore({ ...options, clock: ahead(hourMs + 1_000) })
  expect(await later.list({ ...anyAge, state: 'open' })).toEqual([])
  expect(await count('_chunks', 'contents = ?', [contents])).toBe(0)
  expect(await count('_index', 'id = ?', [head.id])).toBe(0)
})

/** A client that loses the removal of rows from the index, as a crash behind a change does. */
function forgetfulClient(): CassandraClient {
  return {
    connect: () => client.connect(),
    batch: () => Promise.reject(new Error('not used')),
    async execute(query, params = [], options = {}) {
      if (/^DELETE FROM \S+_index/.test(query)) throw new Error('lost')
      return client.execute(query, [...params], options as never)
    },
  }
}

test('a row of the index that is out of date is neither listed nor kept, and never costs one that is not', async () => {
  const options = storeOptions(client, keyspace)
  const forgetful = await openStore({ ...options, client: forgetfulClient() })
  const store = await openStore(options)
  const head = makeHead(Date.now())
  await forgetful.create(head, [])
  const applying = next(head, 'applying')
  await forgetful.put(applying)
  const parked = next(applying, 'parked')
  await forgetful.put(parked)
  expect(await count('_index', 'id = ?', [head.id])).toBe(3)
  for (const state of ['open', 'applying'] as const) {
    expect(await store.list({ ...anyAge, state })).toEqual([])
  }
  expect(await store.list({ ...anyAge, state: 'parked' })).toEqual([parked])
  expect(await count('_index', 'id = ?', [head.id])).toBe(1)
  // Back in a state that it was in before: the row that was removed must not keep this one out.
  const again = next(parked, 'applying')
  await store.put(again)
  expect(await store.list({ ...anyAge, state: 'applying' })).toEqual([again])
  expect(await store.list({ ...anyAge, state: 'parked' })).toEqual([])
})

test('an empty bucket of the index is let go of once it is old, and one with rows is not', async () => {
  const options: CassandraTransactionStoreOptions = storeOptions(client, keyspace)
  const store = await openStore(options)
  const old = makeHead(Date.now() - 10 * hourMs)
  const parked = makeHead(Date.now() - 20 * hourMs, { state: 'parked' })
  const moved = makeHead(Date.now() - 30 * hourMs, { state: 'parked' })
  for (const head of [old, parked, moved]) await store.create(head, [])
  await store.put(next(old, 'sealed'))
  await store.put(next(moved, 'applying'))
  const buckets = (state: string) =>
    count('_buckets', 'namespace = ? AND state = ?', [options.namespace, state])
  expect(await store.list({ ...anyAge, state: 'open' })).toEqual([])
  expect([await buckets('open'), await buckets('parked')]).toEqual([1, 2])
  const later = await openStore({ ...options, clock: ahead(660_000) })
  expect(await later.list({ ...anyAge, state: 'open' })).toEqual([])
  await later.close()
  expect([await buckets('open'), await buckets('sealed'), await buckets('parked')]).toEqual([
    ...[0, 1, 1],
  ])
  expect(await store.list({ ...anyAge, state: 'parked' })).toEqual([parked])
})

test('a list reads no bucket of what began after its instant, and no head that is as young', async () => {
  const options = storeOptions(client, keyspace)
  let [heads, buckets] = [0, 0]
  const counting: CassandraClient = {
    connect: () => client.connect(),
    batch: () => Promise.reject(new Error('not used')),
    execute(query, params = [], callOptions = {}) {
      if (query.startsWith('SELECT revision')) heads++
      if (query.startsWith('SELECT id, contents')) buckets++
      return client.execute(query, [...params], callOptions as never)
    },
  }
  const store = await openStore({ ...options, client: counting })
  const now = Date.now()
  const old = makeHead(now - hourMs, { state: 'applied' })
  const young = Array.from({ length: 20 }, () => makeHead(now, { state: 'applied' }))
  for (const head of [old, ...young]) await store.create(head, [])
  const found = await store.list({ state: 'applied', changedBefore: now - 120_000, limit: 100 })
  expect(found).toEqual([old])
  expect({ heads, buckets }).toEqual({ heads: 1, buckets: 1 })
})

test('a wal whose tables are missing is refused with the statements that create them', async () => {
  const store = cassandraTransactionStore({
    ...{ client, table: `${keyspace}.nowhere`, namespace: 'shop' },
  })
  const opening = createWal({
    namespaces: {
      shop: multiPartitionMutation({
        ...{ queue: memoryQueue(), transactions: { store } },
        targets: { rows: recordingTarget() },
      }),
    },
  })
  const code = 'ERR_CONFIG'
  const statement = `CREATE TABLE IF NOT EXISTS "${keyspace}"."nowhere_index"`
  await expect(opening).rejects.toMatchObject({ code, message: expect.stringContaining(statement) })
  await client.execute(`CREATE TABLE ${keyspace}.nowhere (namespace text PRIMARY KEY)`)
  await expect(store.open?.({ namespace: 'shop', keepMs: 0 })).rejects.toMatchObject({
    code,
    message: expect.stringContaining(`${keyspace}.nowhere has no column id of type text`),
  })
})
