import { expect, test } from 'vitest'
import { type ElasticsearchTargetOptions, elasticsearchTarget } from '../src/index.ts'
import { clientError, fakeClient, responseError } from './fake-client.ts'

const keyword = { type: 'keyword' }
const parts = { version: keyword, deleted: { type: 'boolean' }, deletedAt: { type: 'date' } }
const patchParts = { ...parts, patched: keyword }
const patch: Partial<ElasticsearchTargetOptions> = { patch: 'optimistic' }
const tombstones: Partial<ElasticsearchTargetOptions> = { tombstones: true }

/** Opens a target on indices with such mappings. */
async function open(options: Partial<ElasticsearchTargetOptions>, answer: unknown) {
  const client = fakeClient(() => answer)
  await elasticsearchTarget({ client, index: 'films', ...options }).open?.()
  return client
}

const indexOf = (mappings: unknown) => ({ 'films-1': { mappings } })

test.each([
  [
    'lacks the mark',
    tombstones,
    { dynamic: 'strict', properties: {} },
    /strict, and lacks.*"daybook"/,
  ],
  [
    'lacks a part of the mark',
    tombstones,
    { dynamic: 'strict', properties: { daybook: { properties: { version: keyword } } } },
    /lacks "daybook.deleted", "daybook.deletedAt"/,
  ],
  ['has a text for the mark', patch, { properties: { daybook: keyword } }, /"daybook" as keyword/],
  [
    'has a strict mark that is empty',
    { ...tombstones, markField: 'mark' },
    { properties: { mark: { type: 'nested', dynamic: 'strict' } } },
    /lacks "mark.version"/,
  ],
  [
    'lacks the part of the mark for patches',
    patch,
    { dynamic: 'strict', properties: { daybook: { properties: parts } } },
    /lacks "daybook.patched"/,
  ],
  ['keeps no source', patch, { _source: { enabled: false } }, /keeps no _source/],
])('a target is not opened on an index that %s', async (_, options, mapping, message) => {
  await expect(open(options, indexOf(mapping))).rejects.toMatchObject({
    ...{ code: 'ERR_CONFIG', message: expect.stringMatching(message) },
  })
})

test.each([
  [
    'is strict and has the mark',
    { dynamic: 'strict', properties: { daybook: { properties: patchParts } } },
  ],
  ['takes what it does not know', { properties: {} }],
  ['ignores what it does not know', { dynamic: 'false', properties: {} }],
  [
    'is strict but for the mark',
    {
      ...{ dynamic: 'strict', properties: { daybook: { type: 'object', dynamic: 'true' } } },
    },
  ],
  [
    'is strict and does not look into the mark',
    {
      ...{ dynamic: 'strict', properties: { daybook: { type: 'object', enabled: false } } },
    },
  ],
  ['has a flat mark', { dynamic: 'strict', properties: { daybook: { type: 'flattened' } } }],
])('a target is opened on an index that %s', async (_, mapping) => {
  const { calls } = await open(patch, indexOf(mapping))
  expect(calls).toMatchObject([{ method: 'GET', path: '/films/_mapping' }])
})

test('of several indices behind a name one that fits will do', async () => {
  const strict = { mappings: { dynamic: 'strict' } }
  await open(tombstones, { 'films-1': strict, 'films-2': { mappings: {} } })
  const opening = open(tombstones, { 'films-1': strict, 'films-2': strict })
  await expect(opening).rejects.toMatchObject({ code: 'ERR_CONFIG' })
})

test.each([403, 404])('a mapping that is answered by %i is left to the writes', async (status) => {
  await open(tombstones, responseError(status))
})

test('a store that cannot be reached has its mapping looked at later', async () => {
  const opening = open(tombstones, clientError('ConnectionError'))
  await expect(opening).rejects.toMatchObject({ status: 'unavailable' })
})

test('no mapping is looked at where nothing is added to documents, or each names its index', async () => {
  const unasked = [{}, { ...tombstones, index: () => 'films' }]
  for (const options of unasked) expect((await open(options, {})).calls).toEqual([])
})
