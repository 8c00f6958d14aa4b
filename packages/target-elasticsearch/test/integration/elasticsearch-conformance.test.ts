// needs: elasticsearch

import { runConformance, targetConformance } from '@daybook/core/testing'
import { type Service, service, tcpProxy } from '@daybook/services'
import { Client } from '@elastic/elasticsearch'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { filmMappings, films, type Place, subjectOn } from '../conformance-subject.ts'
import { rewriting } from '../rewriting-client.ts'

const seed = Number(process.env['DAYBOOK_SEED'])
const index = 'conformance'
let elasticsearch: Service
let place: Place

beforeAll(async () => {
  elasticsearch = await service('elasticsearch')
  await elasticsearch.reset()
  const client = new Client({ node: `http://${elasticsearch.address}`, maxRetries: 0 })
  place = { client, index }
  // Nothing is killed here, and without a sync for each bulk a thousand histories take seconds.
  const settings = { number_of_replicas: 0, 'translog.durability': 'async' } as const
  await client.indices.create({ index, settings, mappings: filmMappings })
})
afterAll(() => place.client.close())

const inAnyOrder = 'ends in the state of the versions in any order, with any repeats'
const inOrder = 'ends in the state of the versions after redelivery in order'
const lanes = 10

/** Random histories of each kind, ten side by side, and every other case once. */
async function failures(
  runs: Readonly<Record<typeof inAnyOrder | typeof inOrder, number>>,
  create: () => ReturnType<typeof subjectOn>,
): Promise<ReadonlyMap<string, unknown>> {
  const cases = Array.from({ length: lanes }, (_, lane) => {
    const casesOf = (total: number) => {
      const own = { runs: total / lanes, seed: seed + (lane * total) / lanes }
      return targetConformance({ ...films, ...own, create, patienceMs: 20_000 })
    }
    const others = casesOf(lanes).filter(({ name }) => !Object.hasOwn(runs, name))
    const random = Object.entries(runs).flatMap(([name, total]) =>
      casesOf(total).filter((one) => one.name === name),
    )
    expect(random).toHaveLength(2)
    return lane === 0 ? [...random, ...others] : random
  })
  const failed = new Map<string, unknown>()
  for (const { name, failure } of await runConformance(cases.flat(), { concurrency: lanes })) {
    if (failure !== undefined && !failed.has(name)) failed.set(name, failure)
  }
  return failed
}

const names = targetConformance({ ...films, create: () => subjectOn(place) }).map(
  ({ name }) => name,
)

describe.each([
  { kind: 'by external versions', runs: [500, 50], options: {} },
  { kind: 'with tombstones', runs: [50, 10], options: { tombstones: true } },
  {
    kind: 'with optimistic patches',
    runs: [500, 50],
    options: { patch: 'optimistic' as const },
  },
])('elasticsearchTarget $kind', ({ runs: [anyOrder = 0, order = 0], options }) => {
  let failed: ReadonlyMap<string, unknown>
  beforeAll(async () => {
    const runs = { [inAnyOrder]: anyOrder, [inOrder]: order }
    failed = await failures(runs, () => subjectOn(place, options))
  })
  test.each(names)('%s', (name) => {
    if (failed.has(name)) throw failed.get(name)
  })
})

test('an apply settles while the store is silent behind a network that holds everything', async () => {
  await using proxy = await tcpProxy(elasticsearch)
  const client = new Client({ node: `http://${proxy.address}`, maxRetries: 0 })
  const stall = async (): Promise<() => Promise<void>> => {
    proxy.hold()
    return () => proxy.heal()
  }
  const create = () => ({ ...subjectOn({ client, index }), stall, read: async () => undefined })
  const cases = targetConformance({ ...films, create })
  const stalled = cases.filter(({ name }) => name.endsWith('while the store does not answer'))
  expect(stalled).toHaveLength(1)
  for (const { run } of stalled) await run()
  await client.close()
})

describe('the suite turns red where', () => {
  const red = async (rewrite: (line: string) => string, options = {}): Promise<string[]> => {
    const client = rewriting(place.client, rewrite)
    const runs = { [inAnyOrder]: 50, [inOrder]: 10 }
    return [...(await failures(runs, () => subjectOn(place, { client, ...options }))).keys()]
  }

  test('the versions of fields that were patched are left out', async () => {
    const forgetful = (line: string): string => line.replace(/,"patched":"(?:[^"\\]|\\.)*"/, '')
    expect(await red(forgetful, { patch: 'optimistic' })).toContain(inAnyOrder)
  })

  test('versions are rounded to doubles on their way', async () => {
    const rounded = (line: string): string =>
      line.replace(
        /"version":(\d+),/,
        (_, digits) => `"version":${BigInt(Number(digits)) - 1024n},`,
      )
    expect(await red(rounded)).toContain('tells versions apart that a double cannot')
  })

  test('versions are left out', async () => {
    const unversioned = (line: string): string => line.replace(/,"version".*"external"/, '')
    const found = await red(unversioned)
    expect(found).toContain(inAnyOrder)
    expect(found).toContain('changes nothing when an older change comes after a newer one')
  })

  test('only deletes lack their version', async () => {
    const forgetful = (line: string): string =>
      line.startsWith('{"delete"') ? line.replace(/,"version".*"external"/, '') : line
    expect(await red(forgetful)).toContain(
      'does not bring back what was deleted when an older change comes late',
    )
  })
})
