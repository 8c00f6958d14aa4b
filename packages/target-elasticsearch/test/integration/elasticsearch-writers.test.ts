// needs: elasticsearch

import type { Target, WalRecord } from '@daybook/core'
import { makeRecord, SeededRandom } from '@daybook/core/testing'
import { type Service, service } from '@daybook/services'
import { Client } from '@elastic/elasticsearch'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { contextOf } from '../apply-context.ts'
import { type Film, filmMappings, films, type Place, subjectOn } from '../conformance-subject.ts'

const keys = ['a', 'b', 'c']
let elasticsearch: Service
let place: Place

beforeAll(async () => {
  elasticsearch = await service('elasticsearch')
  await elasticsearch.reset()
  const client = new Client({ node: `http://${elasticsearch.address}`, maxRetries: 0 })
  place = { client, index: 'writers' }
  const settings = { number_of_replicas: 0, 'translog.durability': 'async' } as const
  await client.indices.create({ index: place.index, settings, mappings: filmMappings })
})
afterAll(() => place.client.close())

test.each([
  ['by external versions', {}],
  ['with tombstones', { tombstones: true }],
  ['by what was read', { patch: 'optimistic' as const }],
])(
  'three who write the same records at once, each in an order of its own, agree %s',
  async (_, options) => {
    const random = new SeededRandom(Number(process.env['DAYBOOK_SEED']))
    for (let round = 0; round < 25; round++) {
      const { target, read } = subjectOn(place, options)
      const records = keys.flatMap((key) => historyOf(key, random))
      const orders = [1, 2, 3].map(() => shuffled(records, random))
      await Promise.all(orders.map((order) => applyAll(target, order)))
      for (const key of keys) {
        const newest = records.filter((one) => one.key === key).at(-1)
        expect(await read(key), `round ${round}, key ${key}`).toEqual(newest?.payload)
      }
    }
  },
)

/** Puts and deletes whose versions lie as close as they can. */
function historyOf(key: string, random: SeededRandom): readonly WalRecord<Film>[] {
  let version = 2n ** 60n
  return Array.from({ length: random.integer(2, 6) }, (_, number) => {
    version += 1n
    return random.chance(0.3)
      ? makeRecord<Film>({ key, version, op: 'delete', payload: undefined })
      : makeRecord<Film>({ key, version, payload: films.put(key, number) })
  })
}

/** Some at a time, one of a key; what is put off comes again. */
async function applyAll(target: Target<Film>, records: readonly WalRecord<Film>[]): Promise<void> {
  const left = [...records]
  for (let calls = 0; left.length > 0; calls++) {
    const batch = left.filter(({ key }, at) => left.findIndex((one) => one.key === key) === at)
    const outcomes = (await target.apply(batch, contextOf(batch))) ?? []
    for (const [at, { status }] of outcomes.entries()) {
      const done = status === 'applied' || status === 'superseded'
      if (done) left.splice(left.indexOf(batch[at] as WalRecord<Film>), 1)
      else expect(status).toBe('transient')
    }
    expect(calls).toBeLessThan(100)
  }
}

function shuffled<T>(items: readonly T[], random: SeededRandom): readonly T[] {
  const ranked = items.map((item) => ({ item, rank: random.next() }))
  return ranked.sort((a, b) => a.rank - b.rank).map(({ item }) => item)
}
