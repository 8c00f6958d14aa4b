// needs: elasticsearch
//
// On a node of its own: one whose limits are low, and on which data streams may stay, since what removes
// them is a module that cannot be fetched.

import type { WalRecord } from '@daybook/core'
import { makeRecord, runConformance, targetConformance } from '@daybook/core/testing'
import { type Service, service } from '@daybook/services'
import { Client } from '@elastic/elasticsearch'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { expectKept } from '../../../../tests/support/expect-kept.ts'
import { elasticsearchTarget } from '../../src/index.ts'
import { contextOf } from '../apply-context.ts'
import { type Film, filmMappings, films } from '../conformance-subject.ts'
import { deliver } from '../faulty-run.ts'
import { heldFilms } from '../held-films.ts'

let node: Service
let client: Client

beforeAll(async () => {
  const settings = {
    'thread_pool.write.size': '1',
    'thread_pool.write.queue_size': '1',
    'http.max_content_length': '1mb',
  }
  node = await service('elasticsearch', { instance: 'own', settings })
  client = new Client({ node: `http://${node.address}` })
  await client.indices.putIndexTemplate({
    ...{ name: 'events', index_patterns: ['events-*'], data_stream: {} },
    template: {
      settings: { number_of_replicas: 0 },
      mappings: { properties: { key: { type: 'keyword' }, order: { type: 'keyword' } } },
    },
  })
})
afterAll(async () => {
  await client.close()
  await node.remove()
})

describe('overload', () => {
  test('a node that refuses what is too much is asked for less, and no attempt is spent on it', async () => {
    const index = 'films'
    // Several shards: a bulk then takes several places in the queue, which has one.
    const settings = { number_of_replicas: 0, number_of_shards: 6 }
    await client.indices.create({ index, settings, mappings: filmMappings })
    await using run = await deliver(elasticsearchTarget<Film>({ client, index }), 16)
    await run.write(600, 600)
    await run.settle()
    expect(run.paused.length).toBeGreaterThan(0)
    for (const event of run.paused) {
      expect(event).toMatchObject({ reason: 'throttled', code: 'es_rejected_execution_exception' })
    }
    expect(run.highestAttempt).toBe(1)
    expect(run.ends).toEqual({ applied: 600, superseded: 0, dead: 0 })
    expect(await heldFilms({ client, index })).toEqual(run.expected)
  })

  test('a bulk of more than the node takes goes in parts, all but the document that is too large alone', async () => {
    const target = elasticsearchTarget({ client, index: 'large' })
    const sizes = [300, 300, 300, 300, 1_100, 300]
    const records = sizes.map((kib) => makeRecord({ payload: { text: 'x'.repeat(kib * 1024) } }))
    const outcomes = (await target.apply(records, contextOf(records))) ?? []
    expect(outcomes.map(({ status }) => status)).toEqual(
      sizes.map((kib) => (kib > 1_000 ? 'permanent' : 'applied')),
    )
    expect(outcomes[4]).toMatchObject({ code: 'content_too_large' })
    await client.indices.refresh({ index: 'large' })
    expect((await client.count({ index: 'large' })).count).toBe(5)
  })
})

describe('a data stream', () => {
  const index = 'events-films'
  let subjects = 0

  /** Keys of its own in the one stream. What the stream holds of a key is its latest event. */
  function subject() {
    const prefix = `${++subjects}/`
    const document = ({ key, version, payload }: WalRecord<Film>): object => ({
      ...{ key: `${prefix}${key}`, order: version.toString().padStart(19, '0'), film: payload },
    })
    const target = elasticsearchTarget<Film>({ client, index, dataStream: true, document })
    return { target, read: (key: string) => latest(`${prefix}${key}`) }
  }

  async function latest(key: string): Promise<unknown> {
    await client.indices.refresh({ index })
    const query = { term: { key } }
    const newest = { sort: [{ order: 'desc' as const }], size: 1 }
    const { hits } = await client.search<{ film: Film }>({ index, query, ...newest })
    return hits.hits[0]?._source?.film
  }

  beforeAll(async () => {
    const first = [makeRecord<Film>({ payload: films.put('first', 0) })]
    await subject().target.apply(first, contextOf(first))
  })

  const { refused: _, ...payloads } = films
  const cases = targetConformance<Film>({
    ...payloads,
    create: subject,
    runs: 2,
    seed: Number(process.env['DAYBOOK_SEED']),
    patienceMs: 20_000,
  })

  test('keeps what the suite demands of a target that goes by ids', async () => {
    expectKept(await runConformance(cases, { concurrency: 1 }))
  })

  test('takes each record once, with the time of writing where the document has none', async () => {
    const at = { '@timestamp': '2026-01-02T03:04:05.000Z' }
    const index = 'events-plain'
    const plain = elasticsearchTarget({ client, index, dataStream: true })
    const records = [
      makeRecord({ key: 'a', payload: { n: 1 } }),
      makeRecord({ key: 'a', payload: { n: 2, ...at } }),
    ]
    const done = [{ status: 'applied' }, { status: 'applied' }]
    expect(await plain.apply(records, contextOf(records))).toEqual(done)
    expect(await plain.apply(records, contextOf(records))).toEqual(done)
    await client.indices.refresh({ index })
    const { hits } = await client.search<{ n: number; '@timestamp': string }>({ index })
    const held = new Map(hits.hits.map(({ _id, _source }) => [_id, _source]))
    expect(held).toEqual(
      new Map([
        [
          records[0]?.id,
          { n: 1, '@timestamp': new Date(records[0]?.writtenAt ?? 0).toISOString() },
        ],
        [records[1]?.id, { n: 2, ...at }],
      ]),
    )
  })
})
