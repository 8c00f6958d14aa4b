import { errors } from '@elastic/elasticsearch'
import { expect, test } from 'vitest'
import { failureOf, itemProblem, storeFailure } from '../src/elasticsearch-errors.ts'
import { clientError, responseError } from './fake-client.ts'

const ofClient = [
  ['ConnectionError', 'unavailable'],
  ['NoLivingConnectionsError', 'unavailable'],
  ['ProductNotSupportedError', 'unavailable'],
  ['ConfigurationError', 'unavailable'],
  ['TimeoutError', 'transient'],
  ['RequestAbortedError', 'transient'],
  ['DeserializationError', 'transient'],
  ['SerializationError', 'permanent'],
  ['ElasticsearchClientError', 'transient'],
  ['TypeError', 'transient'],
] as const

const forAll = { index: true, pipeline: true }
const ofEach = { index: false, pipeline: false }

test.each(ofClient)('a %s of the client is %s', (name, status) => {
  const failure = storeFailure(clientError(name))
  expect(failure).toMatchObject({ status, code: name, message: `what a ${name} says` })
})

test('no error that the client exports is left out here', () => {
  const tested = new Set<string>([...ofClient.map(([name]) => name), 'ResponseError'])
  expect(Object.keys(errors).filter((name) => !tested.has(name))).toEqual([])
})

test.each([
  [400, undefined, 'permanent', 'permanent'],
  [401, 'security_exception', 'unavailable', 'unavailable'],
  [403, 'security_exception', 'unavailable', 'held'],
  [403, 'cluster_block_exception', 'unavailable', 'held'],
  [404, 'index_not_found_exception', 'unavailable', 'held'],
  [405, undefined, 'unavailable', 'unavailable'],
  [406, undefined, 'unavailable', 'unavailable'],
  [407, undefined, 'unavailable', 'unavailable'],
  [408, undefined, 'unavailable', 'unavailable'],
  [409, 'resource_already_exists_exception', 'transient', 'transient'],
  [413, 'content_too_large', 'permanent', 'permanent'],
  [415, undefined, 'unavailable', 'unavailable'],
  [429, 'es_rejected_execution_exception', 'throttled', 'throttled'],
  [429, 'circuit_breaking_exception', 'throttled', 'throttled'],
  [429, 'cluster_block_exception', 'throttled', 'held'],
  [500, 'illegal_state_exception', 'transient', 'transient'],
  [501, undefined, 'transient', 'transient'],
  [502, undefined, 'unavailable', 'unavailable'],
  [503, 'cluster_block_exception', 'unavailable', 'unavailable'],
  [503, 'master_not_discovered_exception', 'unavailable', 'unavailable'],
  [503, 'unavailable_shards_exception', 'unavailable', 'held'],
  [503, 'no_shard_available_action_exception', 'unavailable', 'held'],
  [503, 'process_cluster_event_timeout_exception', 'unavailable', 'held'],
  [504, undefined, 'unavailable', 'unavailable'],
  [400, 'index_closed_exception', 'unavailable', 'held'],
  [400, 'media_type_header_exception', 'unavailable', 'unavailable'],
  [400, 'document_parsing_exception', 'permanent', 'permanent'],
  [400, 'mapper_parsing_exception', 'permanent', 'permanent'],
  [400, 'strict_dynamic_mapping_exception', 'permanent', 'permanent'],
  [400, 'illegal_argument_exception', 'permanent', 'permanent'],
] as const)(
  '%i %s is %s with one index for all, and %s with an index for each',
  (status, type, one, many) => {
    const problem = { status, type, reason: 'why' }
    expect(failureOf(problem, forAll)).toMatchObject({ status: one, code: type ?? String(status) })
    expect(failureOf(problem, ofEach).status).toBe(many)
  },
)

test('what a whole call is refused for is no matter of one index, also where each record names its own', () => {
  const types = ['index_not_found_exception', 'security_exception', 'index_closed_exception']
  for (const type of types) {
    const failure = storeFailure(responseError(403, { error: { type, reason: 'no' } }))
    expect(failure).toMatchObject({ status: 'unavailable', code: type })
  }
  const full = { error: { type: 'cluster_block_exception', reason: 'disk usage exceeded' } }
  expect(storeFailure(responseError(429, full)).status).toBe('throttled')
})

test('a missing pipeline is a matter of the set-up, and no fault of the record', () => {
  const problem = {
    ...{ status: 400, type: 'illegal_argument_exception' },
    reason: 'pipeline with id [films] does not exist',
  }
  expect(failureOf(problem, forAll).status).toBe('unavailable')
  expect(failureOf(problem, { index: false, pipeline: true }).status).toBe('unavailable')
  // Where each record names its own, one that is missing must not stop the others.
  expect(failureOf(problem, { index: true, pipeline: false }).status).toBe('transient')
  expect(failureOf({ ...problem, reason: 'limit of total fields' }, forAll).status).toBe(
    'permanent',
  )
})

test('an index for which the store has no room is a matter of the set-up, and other refusals of values are not', () => {
  const open = 'this cluster currently has [1000]/[1000] maximum normal shards open;'
  const reason = `Validation Failed: 1: this action would add [2] shards, but ${open}`
  const problem = { status: 400, type: 'validation_exception', reason }
  expect(failureOf(problem, forAll).status).toBe('unavailable')
  expect(failureOf(problem, ofEach).status).toBe('held')
  const other = { ...problem, reason: 'Validation Failed: 1: id is missing;' }
  expect(failureOf(other, ofEach).status).toBe('permanent')
})

test('a field that the store had no time to map is no fault of its record', () => {
  const reason = 'timed out while waiting for a dynamic mapping update'
  const problem = { status: 500, type: 'mapper_exception', reason }
  expect(failureOf(problem, forAll).status).toBe('unavailable')
  expect(failureOf(problem, ofEach).status).toBe('held')
  expect(failureOf({ ...problem, reason: 'else' }, ofEach).status).toBe('transient')
})

test("a refusal carries the store's own word as its code, and its reason with the cause", () => {
  const error = {
    type: 'document_parsing_exception',
    reason: 'failed to parse field [year]',
    caused_by: { type: 'number_format_exception', reason: 'For input string: "soon"' },
  }
  expect(failureOf(itemProblem(400, error), forAll)).toEqual({
    status: 'permanent',
    code: 'document_parsing_exception',
    message: 'failed to parse field [year]: For input string: "soon"',
  })
})

test('the same is read out of an answer that is an error as a whole', () => {
  const body = { error: { type: 'security_exception', reason: 'missing authentication' } }
  const failure = storeFailure(responseError(401, body))
  expect(failure).toMatchObject({ status: 'unavailable', code: 'security_exception' })
  expect(failure.message).toMatch(/^missing authentication\. The credentials/)
  expect(storeFailure(responseError(502, '<html>')).code).toBe('502')
})

test.each([
  ['7', 7_000],
  [' 0 ', 0],
  ['Thu, 01 Jan 1970 00:01:00 GMT', 15_000],
  ['Thu, 01 Jan 1970 00:00:00 GMT', 0],
  ['soon', undefined],
])('Retry-After: %s is a wait of %s ms', (value, retryAfterMs) => {
  const clock = { now: () => 45_000 } as Parameters<typeof storeFailure>[1]
  const failure = storeFailure(responseError(429, undefined, { 'retry-after': value }), clock)
  expect(failure).toMatchObject({ status: 'throttled', retryAfterMs })
})

test.each([
  ['security_exception', 'action [indices:data/read/mget[shard]] is unauthorized', 'held'],
  ['cluster_block_exception', 'index [a] blocked by: [FORBIDDEN/7/index read (api)];', 'held'],
  ['cluster_block_exception', 'index [a] blocked by: [TOO_MANY_REQUESTS/12/disk];', 'held'],
  ['cluster_block_exception', 'blocked by: [SERVICE_UNAVAILABLE/2/no master];', 'unavailable'],
] as const)(
  'a %s that a read says of one document, which has no status: %s is %s',
  (type, reason, status) => {
    const problem = itemProblem(undefined, { type, reason })
    expect(failureOf(problem, ofEach)).toMatchObject({ status, code: type })
    const full = reason.includes('TOO_MANY') ? 'throttled' : 'unavailable'
    expect(failureOf(problem, forAll)).toMatchObject({ status: full, code: type })
  },
)
