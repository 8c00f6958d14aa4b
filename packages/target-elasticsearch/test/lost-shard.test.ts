import { makeRecord } from '@daybook/core/testing'
import { expect, test } from 'vitest'
import { type ElasticsearchTargetOptions, elasticsearchTarget } from '../src/index.ts'
import { contextOf } from './apply-context.ts'
import { clientError, fakeClient, responseError } from './fake-client.ts'

const { signal } = new AbortController()
const lostShard = {
  type: 'unavailable_shards_exception',
  reason: '[films][1] primary shard is not active Timeout: [10s]',
}
const unreadable = { error: { type: 'no_shard_available_action_exception', reason: 'none' } }

/** A target that stored a record and could not store another, by the id 'b/2'. */
async function afterLoss(
  onGet: () => unknown,
  options: Partial<ElasticsearchTargetOptions> = {},
  error: unknown = lostShard,
) {
  const client = fakeClient(({ path }) => {
    if (path === '/_cluster/health') return { status: 'red' }
    if (path !== '/_bulk') return onGet()
    return { items: [{ index: { status: 201 } }, { index: { status: 503, error } }] }
  })
  const target = elasticsearchTarget({ client, index: 'films', ...options })
  const records = ['a', 'b/2'].map((key) => makeRecord({ key, payload: { studio: 'RKO & co' } }))
  await target.apply(records, contextOf(records))
  const probes = () => client.calls.filter(({ method }) => method === 'GET')
  return { target, probes }
}

test('the health of a store is that of the shard that was missing last, until it answers', async () => {
  let answer: unknown = responseError(503, unreadable)
  const { target, probes } = await afterLoss(() => answer, { routing: 'studio' })
  for (let round = 0; round < 2; round++) {
    await expect(target.health?.({ signal })).rejects.toMatchObject({
      ...{ status: 'unavailable', code: unreadable.error.type },
    })
  }
  answer = { _source: {} }
  await target.health?.({ signal })
  await target.health?.({ signal })
  const cluster = { path: '/_cluster/health' }
  const shard = { path: '/films/_doc/b%2F2', querystring: { routing: 'RKO & co' } }
  expect(probes()).toMatchObject([cluster, shard, cluster, shard, cluster, shard, cluster])
})

test.each([
  ['whose document is not there', responseError(404, { found: false })],
  ['that may be written only', responseError(403, { error: { type: 'security_exception' } })],
  [
    'of a name for several indices',
    responseError(400, { error: { type: 'illegal_argument_exception' } }),
  ],
  [
    'that a write has to create',
    responseError(404, { error: { type: 'index_not_found_exception' } }),
  ],
])('a shard %s is a healthy one', async (_, answer) => {
  const { target, probes } = await afterLoss(() => answer)
  await target.health?.({ signal })
  await target.health?.({ signal })
  expect(probes()).toHaveLength(3)
})

test.each([
  ['that answers nothing in time', clientError('TimeoutError'), 'TimeoutError'],
  [
    'of a closed index',
    responseError(400, { error: { type: 'index_closed_exception', reason: 'closed' } }),
    'index_closed_exception',
  ],
])('a shard %s is no healthy one', async (_, answer, code) => {
  const { target } = await afterLoss(() => answer)
  await expect(target.health?.({ signal })).rejects.toMatchObject({ code })
})

test("where each record names its index, one that is missing does not speak for the others' health", async () => {
  const noMaster = { type: 'cluster_block_exception', reason: 'no master' }
  const answer = responseError(503, unreadable)
  const { target, probes } = await afterLoss(() => answer, { index: () => 'films' }, noMaster)
  await target.health?.({ signal })
  expect(probes()).toHaveLength(1)
})

test('a shard that is lost while another is asked for is not forgotten with it', async () => {
  let losses = 1
  const { target, probes } = await afterLoss(async () => {
    const records = ['a', 'c'].map((key) => makeRecord({ key }))
    if (losses-- > 0) await target.apply(records, contextOf(records))
    return {}
  })
  await target.health?.({ signal })
  await target.health?.({ signal })
  await target.health?.({ signal })
  expect(probes().map(({ path }) => path)).toEqual([
    ...['/_cluster/health', '/films/_doc/b%2F2'],
    ...['/_cluster/health', '/films/_doc/c', '/_cluster/health'],
  ])
})
