// needs: elasticsearch

import { makeRecord } from '@daybook/core/testing'
import { type Service, service, type TlsFront, tlsFront } from '@daybook/services'
import { Client } from '@elastic/elasticsearch'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { elasticsearchTarget } from '../../src/index.ts'
import { contextOf } from '../apply-context.ts'

// TLS is a part of security, a module that cannot be fetched here: it is taken off before the node.
let elasticsearch: Service
let front: TlsFront
beforeAll(async () => {
  elasticsearch = await service('elasticsearch')
  await elasticsearch.reset()
  front = await tlsFront(elasticsearch)
})
afterAll(() => front[Symbol.asyncDispose]())

async function outcomeFor(tls: { ca: string; cert?: string; key?: string }) {
  const client = new Client({ node: `https://${front.address}`, maxRetries: 0, tls })
  const target = elasticsearchTarget({ client, index: 'over-tls' })
  const records = [makeRecord({ key: 'a', payload: { title: 'Gilda' } })]
  try {
    const outcomes = await target.apply(records, contextOf(records))
    return { outcome: outcomes?.[0], held: await target.read?.('a', contextOf(records)) }
  } catch (failure) {
    return { outcome: failure, held: undefined }
  } finally {
    await client.close()
  }
}

test('Elasticsearch is written to over TLS by who shows a certificate of its authority', async () => {
  const { outcome, held } = await outcomeFor(front.certificates)
  expect({ outcome, held }).toEqual({ outcome: { status: 'applied' }, held: { title: 'Gilda' } })
})

test('Elasticsearch over TLS is an outage for who shows no certificate, or does not know its authority', async () => {
  const { ca, cert, key } = front.certificates
  for (const tls of [{ ca }, { ca: cert, cert, key }]) {
    const { outcome } = await outcomeFor(tls)
    expect(outcome).toMatchObject({ status: 'unavailable', code: 'ConnectionError' })
  }
})
