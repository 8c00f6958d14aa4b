import { describe, expect, it } from 'vitest'
import {
  type CassandraTransactionStoreOptions,
  cassandraTransactionStore,
  cassandraTransactionTables,
} from '../src/index.ts'
import { fakeClient } from './support/fake-client.ts'

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
