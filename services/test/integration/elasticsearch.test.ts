// needs: elasticsearch

import { Client, errors } from '@elastic/elasticsearch'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { type Service, service } from '../../src/index.ts'

let elasticsearch: Service
let client: Client

beforeEach(async () => {
  elasticsearch = await service('elasticsearch')
  await elasticsearch.reset()
  client = new Client({ node: `http://${elasticsearch.address}`, maxRetries: 0 })
})
afterEach(() => client.close())

const settings = { number_of_replicas: 0 }

test('Elasticsearch keeps what it acknowledged over a kill -9', async () => {
  await client.indices.create({ index: 'titles', settings })
  const ids = Array.from({ length: 100 }, (_, id) => String(id))
  const operations = ids.flatMap((id) => [{ index: { _id: id } }, { title: `title ${id}` }])
  expect((await client.bulk({ index: 'titles', operations })).errors).toBe(false)
  await elasticsearch.kill()
  await expect(client.ping()).rejects.toBeInstanceOf(errors.ConnectionError)
  await elasticsearch.start()
  await client.cluster.health({ index: 'titles', wait_for_status: 'green' })
  await client.indices.refresh({ index: 'titles' })
  const { hits } = await client.search<{ title: string }>({ index: 'titles', size: 1_000 })
  const found = new Map(hits.hits.map(({ _id, _source }) => [_id, _source?.title]))
  expect(found).toEqual(new Map(ids.map((id) => [id, `title ${id}`])))
})

test('an older external version changes nothing in Elasticsearch', async () => {
  await client.indices.create({ index: 'titles', settings })
  const write = (version: number): Promise<unknown> =>
    client.index({
      index: 'titles',
      id: '1',
      document: { version },
      version,
      version_type: 'external_gte',
    })
  await write(2)
  await expect(write(1)).rejects.toMatchObject({ statusCode: 409 })
  expect((await client.get({ index: 'titles', id: '1' }))._source).toEqual({ version: 2 })
})

test('Elasticsearch says what it is, as clients ask first', async () => {
  expect((await client.info()).version.number).toMatch(/^9\./)
  expect(await client.ping()).toBe(true)
})

test('a reset Elasticsearch has no indices and no templates', async () => {
  await client.indices.putIndexTemplate({ name: 'any', index_patterns: ['forgotten*'] })
  await client.indices.create({ index: 'forgotten', settings })
  await elasticsearch.reset()
  expect(await client.cat.indices({ format: 'json' })).toEqual([])
  expect((await client.indices.getIndexTemplate()).index_templates).toEqual([])
})

test('a node with a short queue refuses what is too much, one by one', async () => {
  const short = { 'thread_pool.write.size': '1', 'thread_pool.write.queue_size': '1' }
  await using node = await service('elasticsearch', { instance: 'short', settings: short })
  const busy = new Client({ node: `http://${node.address}`, maxRetries: 0 })
  await busy.indices.create({ index: 'titles', settings })
  const writes = Array.from({ length: 60 }, (_, id) =>
    busy.index({ index: 'titles', id: String(id), document: { id } }),
  )
  const refused = (await Promise.allSettled(writes)).filter(({ status }) => status === 'rejected')
  expect(refused.length).toBeGreaterThan(0)
  for (const outcome of refused) {
    expect(outcome).toMatchObject({ reason: { statusCode: 429 } })
  }
  await busy.close()
})
