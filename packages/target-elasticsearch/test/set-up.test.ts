import { makeRecord } from '@daybook/core/testing'
import { expect, test } from 'vitest'
import { elasticsearchTarget } from '../src/index.ts'
import { contextOf } from './apply-context.ts'
import { fakeClient, responseError } from './fake-client.ts'

const needed = { index: 'films', requireAlias: true, pipeline: 'clean' } as const

test('an alias and a pipeline that are missing are told together, with what to do', async () => {
  const client = fakeClient(() => responseError(404))
  await expect(elasticsearchTarget({ client, ...needed }).open?.()).rejects.toMatchObject({
    code: 'ERR_CONFIG',
    issues: [
      {
        path: 'elasticsearchTarget.requireAlias',
        reason: expect.stringContaining('PUT /films-1 with { "aliases": { "films":'),
      },
      {
        path: 'elasticsearchTarget.pipeline',
        reason: expect.stringContaining('PUT /_ingest/pipeline/clean'),
      },
    ],
  })
})

test.each([403, 405])('a set-up that is answered by %i is left to the records', async (status) => {
  const client = fakeClient(() => responseError(status))
  await elasticsearchTarget({ client, ...needed }).open?.()
  expect(client.calls).toMatchObject([
    { path: '/_alias/films' },
    { path: '/_ingest/pipeline/clean' },
  ])
})

test('a store that cannot say yet what is set up is asked again later', async () => {
  const client = fakeClient(() => responseError(503))
  const opening = elasticsearchTarget({ client, ...needed }).open?.()
  await expect(opening).rejects.toMatchObject({ status: 'unavailable' })
})

test('nothing is looked for that functions name, or that no record needs', async () => {
  const client = fakeClient(() => responseError(404))
  const named = { index: () => 'films', requireAlias: true, pipeline: () => 'clean' }
  await elasticsearchTarget({ client, ...named }).open?.()
  await elasticsearchTarget({ client, index: 'films', pipeline: '_none' }).open?.()
  expect(client.calls).toEqual([])
})

const films = (): string => 'films'
const clean = (): string => 'clean'

test.each([
  { index: 'films', pipeline: 'clean', status: 'unavailable' },
  { index: 'films', pipeline: undefined, status: 'unavailable' },
  { index: 'films', pipeline: clean, status: 'transient' },
  { index: films, pipeline: 'clean', status: 'unavailable' },
  { index: films, pipeline: undefined, status: 'transient' },
  { index: films, pipeline: clean, status: 'transient' },
])(
  'a pipeline that is missing is $status with index $index and pipeline $pipeline',
  async (given) => {
    const error = {
      type: 'illegal_argument_exception',
      reason: 'pipeline with id [clean] does not exist',
    }
    const client = fakeClient(() => ({ items: [{ index: { status: 400, error } }] }))
    const records = [makeRecord()]
    const { status, ...options } = given
    const target = elasticsearchTarget({ client, ...options })
    expect(await target.apply(records, contextOf(records))).toMatchObject([{ status }])
  },
)
