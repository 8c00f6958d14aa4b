import { describe, expect, it } from 'vitest'
import {
  type CassandraTransactionStoreOptions,
  cassandraTransactionStore,
  cassandraTransactionTables,
} from '../src/index.ts'
import { fakeClient } from './support/fake-client.ts'
import { makeHead } from './support/transaction-stores.ts'

const client = fakeClient({ id: 'text partition_key' })
const usual = { client, namespace: 'orders' }

describe('the options of cassandraTransactionStore', () => {
  const wrong: readonly (readonly [string, object])[] = [
    ['client', { ...usual, client: undefined }],
    ['client', { ...usual, client: { connect: client.connect } }],
    ['namespace', { client }],
    ['namespace', { ...usual, namespace: '' }],
    ['keyspace', { ...usual, keyspace: 'media' }],
    ['table', { ...usual, table: 'media.sets.more' }],
    ['table', { ...usual, client: { ...client, keyspace: undefined } }],
    ['consistency', { ...usual, consistency: 'any' }],
    ['consistency', { ...usual, consistency: 'most' }],
    ['serialConsistency', { ...usual, serialConsistency: 'quorum' }],
    ['executionProfile', { ...usual, executionProfile: {} }],
    ['endedFor', { ...usual, endedFor: '10s' }],
    ['endedFor', { ...usual, endedFor: '7301d' }],
    ['endedFor', { ...usual, endedFor: 'long' }],
  ]
  it.each(wrong)('are refused by name where they are wrong: %s (case %#)', (name, options) => {
    expect(() => cassandraTransactionStore(options as CassandraTransactionStoreOptions)).toThrow(
      expect.objectContaining({
        code: 'ERR_CONFIG',
        message: expect.stringContaining(`\`${name}\``),
      }),
    )
  })

  it.each([
    [{}, 6, 8],
    [{ consistency: 'quorum', serialConsistency: 'localSerial' } as const, 4, 9],
    [{ executionProfile: 'slow' }, undefined, 8],
  ])('decide how a head is agreed on: %o', async (options, consistency, serialConsistency) => {
    const own = fakeClient({})
    const stored = [{ revision: 1, head: '{}', contents: 'set' }]
    own.answer = ([statement]) => (statement?.query.startsWith('SELECT revision') ? stored : [])
    const store = cassandraTransactionStore({ ...usual, ...options, client: own })
    await store.remove('0189-some')
    expect(own.sent[0]?.options).toMatchObject({ consistency: serialConsistency })
    const agreed = own.sent.find(({ statements }) => statements[0]?.query.includes(' IF '))
    expect(agreed?.options.serialConsistency).toBe(serialConsistency)
    expect(agreed?.options.consistency).toBe(consistency)
    // Sent twice by the driver, the second would find that the first was made, and answer no.
    expect(agreed?.options.isIdempotent).toBe(false)
  })
})

/** Every column that any of the four tables has. */
const columns = {
  ...{
    namespace: 'text partition_key',
    id: 'text',
    revision: 'int',
    head: 'text',
    contents: 'text',
  },
  ...{ fence: 'text', part: 'int', number: 'int', bytes: 'blob', state: 'text', bucket: 'text' },
  ...{ changed_at: 'timestamp', noted_at: 'timestamp' },
}
const dayMs = 86_400_000

describe('a store of transactions in Cassandra', () => {
  it.each([
    ['namespace', { endedFor: '1h' }, { namespace: 'carts', keepMs: 0 }],
    ['endedFor', { endedFor: '1h' }, { namespace: 'orders', keepMs: 3_600_001 }],
    ['endedFor', { endedFor: '7d' }, { namespace: 'orders', keepMs: 14 * dayMs }],
  ] as const)(
    'is refused by a namespace that it does not fit: %s (case %#)',
    async (name, options, context) => {
      const store = cassandraTransactionStore({ ...usual, client: fakeClient(columns), ...options })
      await expect(store.open?.(context)).rejects.toMatchObject({
        code: 'ERR_CONFIG',
        message: expect.stringContaining(`\`${name}\``),
      })
    },
  )

  it.each([
    [{}, 3_600_000, 7 * 86_400, false],
    [{}, 14 * dayMs, 15 * 86_400, false],
    [{ endedFor: '14d' }, 14 * dayMs, 14 * 86_400, false],
    [{ endedFor: '1h' }, 3_600_000, 15 * 86_400, true],
    [{ endedFor: '20d' }, 3_600_000, 20 * 86_400, true],
  ] as const)(
    'keeps what has ended for longer than its namespace does (case %#)',
    async (options, keepMs, seconds, isRepeat) => {
      const own = fakeClient(columns)
      own.answer = ([statement]) =>
        statement?.query.startsWith('UPDATE') ? [{ '[applied]': true }] : []
      const store = cassandraTransactionStore({ ...usual, ...options, client: own })
      await store.open?.({ namespace: 'orders', keepMs })
      await store.create(
        makeHead(0, { state: 'applied', marker: { state: 'sent', at: 0, isRepeat } }),
        [],
      )
      const put = own.sent.find(({ statements }) => statements[0]?.query.startsWith('UPDATE'))
      expect(put?.statements[0]?.params?.[0]).toBe(seconds)
    },
  )

  it('may be opened once more after it was closed', async () => {
    const store = cassandraTransactionStore({ ...usual, client: fakeClient(columns) })
    const context = { namespace: 'orders', keepMs: 0 }
    await store.open?.(context)
    await store.close()
    await expect(store.get('0189-some')).rejects.toMatchObject({ code: 'ERR_CLOSED' })
    await store.open?.(context)
    expect(await store.get('0189-some')).toBeUndefined()
  })
})

describe('cassandraTransactionTables', () => {
  it('creates four tables of the name given', () => {
    const names = cassandraTransactionTables('shop."Sets"').map((statement) =>
      statement.slice(0, statement.indexOf(' (')),
    )
    expect(names).toEqual(
      ['Sets', 'Sets_chunks', 'Sets_index', 'Sets_buckets'].map(
        (name) => `CREATE TABLE IF NOT EXISTS "shop"."${name}"`,
      ),
    )
  })

  it('refuses a name without a keyspace', () => {
    expect(() => cassandraTransactionTables('sets')).toThrow(/keyspace\.table, and is sets/)
  })
})
