// needs: cassandra

import { makeRecord } from '@daybook/core/testing'
import { type Service, service, type TlsFront, tlsFront } from '@daybook/services'
import type { Client } from 'cassandra-driver'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { cassandraTarget } from '../../src/index.ts'
import { applyTo } from '../support/apply-to.ts'
import { connect, createTables } from '../support/cassandra.ts'

// A node of its own with certificates takes as long to start as all of this: TLS is taken off before it.
let cassandra: Service
let client: Client
let front: TlsFront
beforeAll(async () => {
  cassandra = await service('cassandra')
  client = connect(cassandra)
  await createTables(client, 'over_tls', { films: '(id text PRIMARY KEY, title text)' })
  front = await tlsFront(cassandra)
})
afterAll(async () => {
  await client.execute('DROP KEYSPACE over_tls')
  await client.shutdown()
  await front[Symbol.asyncDispose]()
})

async function outcomeFor(sslOptions: { ca: string; cert?: string; key?: string }) {
  const own = connect(front, { sslOptions: { ...sslOptions, rejectUnauthorized: true } })
  const target = cassandraTarget({ client: own, table: 'over_tls.films', key: ['id'] })
  const record = makeRecord({ key: 'a', payload: { id: 'a', title: 'Gilda' } })
  try {
    const [outcome] = await applyTo(target, [record])
    return outcome
  } finally {
    await own.shutdown()
  }
}

test('Cassandra is written to over TLS by who shows a certificate of its authority', async () => {
  expect(await outcomeFor(front.certificates)).toEqual({ status: 'applied' })
  const { rows } = await client.execute('SELECT title FROM over_tls.films')
  expect(rows.map(({ title }) => title)).toEqual(['Gilda'])
})

test('Cassandra over TLS is an outage for who shows no certificate, or does not know its authority', async () => {
  const { ca, cert, key } = front.certificates
  for (const tls of [{ ca }, { ca: cert, cert, key }]) {
    expect(await outcomeFor(tls)).toMatchObject({ status: 'unavailable', code: 'no_host' })
  }
})
