// needs: cassandra

import type { WalError } from '@daybook/core'
import { runConformance, transactionStoreConformance } from '@daybook/core/testing'
import { service } from '@daybook/services'
import type { Client } from 'cassandra-driver'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { CassandraClient } from '../../src/index.ts'
import { connect } from '../support/cassandra.ts'
import { createTransactionTables, openStore, storeOptions } from '../support/transaction-stores.ts'

const keyspace = 'sets'

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

function subjectOf(own: CassandraClient = client) {
  const options = storeOptions(own, keyspace)
  const reported: WalError[] = []
  const heads = `${keyspace}.sets`
  const where = 'WHERE namespace = ? AND id = ?'
  let head: unknown
  const set = (id: string, json: unknown) =>
    client.execute(
      `UPDATE ${heads} SET head = ? ${where} IF EXISTS`,
      [json, options.namespace, id],
      { prepare: true },
    )
  return {
    open: () => openStore(options, (error) => reported.push(error)),
    unreadable: {
      reported,
      async spoil(id: string) {
        const names = [options.namespace, id]
        const select = `SELECT head FROM ${heads} ${where}`
        const { rows } = await client.execute(select, names, { prepare: true })
        head = rows[0]?.['head']
        await set(id, '{')
      },
      mend: async (id: string) => void (await set(id, head)),
    },
  }
}

describe('cassandraTransactionStore on a real node', () => {
  const cases = transactionStoreConformance({ create: () => subjectOf(), patienceMs: 20_000 })
  test.each(cases)('$name', ({ run }) => run())
})

interface Flaw {
  readonly flaw: string
  readonly change: (query: string, params: unknown[]) => readonly [string, unknown[]]
  readonly turnsRed: readonly string[]
}

/** A node is asked for something else than the store meant: the suite has to see it in the answers. */
const flaws: readonly Flaw[] = [
  {
    flaw: 'asks on no condition',
    change: (query, params) => {
      const [made = '', condition = ''] = query.split(' IF ')
      return [`${made} IF revision != -1`, params.slice(0, params.length - marks(condition))]
    },
    turnsRed: ['refuses a head that does not follow the one it has', 'creates an id once'],
  },
  {
    flaw: 'does not note where transactions are',
    change: (query, params) => [
      query.replace(/^INSERT INTO (\S+_index.)/, 'INSERT INTO $1'),
      query.startsWith('INSERT') && query.includes('_index')
        ? [params[0], 'nowhere', ...params.slice(2)]
        : params,
    ],
    turnsRed: ['lists by state', 'lists in pages, in the order of ids'],
  },
  {
    flaw: 'keeps the chunks of all sets in one place',
    change: (query, params) => [
      query,
      query.includes('_chunks') ? ['one', ...params.slice(1)] : params,
    ],
    turnsRed: ['keeps the chunks of transactions apart'],
  },
]

function marks(cql: string): number {
  return cql.split('?').length - 1
}

describe('the suite for stores of transactions on a real node', () => {
  test.each(flaws)('finds a client that $flaw', async ({ change, turnsRed }) => {
    const flawed: CassandraClient = {
      connect: () => client.connect(),
      batch: () => Promise.reject(new Error('not used')),
      execute: (query, params = [], options = {}) => {
        const [changed, rest] = query.includes('system_schema')
          ? [query, params]
          : change(query, params)
        return client.execute(changed, [...rest], options as never)
      },
    }
    const cases = transactionStoreConformance({
      create: () => subjectOf(flawed),
      patienceMs: 20_000,
    })
    const chosen = cases.filter(({ name }) => turnsRed.includes(name))
    expect(chosen).toHaveLength(turnsRed.length)
    for (const { name, failure } of await runConformance(chosen)) {
      expect(failure, `"${name}" stays green`).toMatchObject({ name: 'AssertionError' })
    }
  })
})
