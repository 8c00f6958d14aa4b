import { describe, expect, it } from 'vitest'
import { ConfigError, type ConfigIssue } from '../../src/config/config-error.ts'
import { type } from '../../src/config/payload-type.ts'
import { resolveOptions } from '../../src/config/resolve.ts'
import { noDeadLetterQueue } from '../../src/dlq/no-dlq.ts'
import { delayedQueue } from '../../src/persona/delayed-queue.ts'
import { memoryQueue } from '../../src/queue/memory-queue.ts'
import { defineTarget } from '../../src/target/function-target.ts'

const target = defineTarget(async () => {})

function namespaceOf(options: object) {
  return resolveOptions({
    directory: 'd',
    namespaces: { n: { targets: { t: target }, ...options } },
  }).namespaces[0]
}

/** A memory queue but for what it supports; undefined takes all of it away. */
function queueWith(supports: object | undefined) {
  const real = memoryQueue()
  return Object.assign(Object.create(real), {
    kind: 'heap',
    supports: supports && { ...real.supports, ...supports },
  })
}

function issuesOf(options: unknown): readonly ConfigIssue[] {
  try {
    resolveOptions(options)
  } catch (error) {
    if (error instanceof ConfigError) return error.issues
    throw error
  }
  return []
}

describe('resolveOptions', () => {
  it('fills in every default', () => {
    expect(namespaceOf({})).toMatchObject({
      name: 'n',
      order: 'key',
      onDeadLetter: 'continue',
      retry: { maxAttempts: 8, minDelay: 200, maxDelay: 300_000 },
      batch: { maxRecords: 500, maxBytes: 1_048_576 },
      breaker: { failures: 10, minOpen: 1000, maxOpen: 30_000 },
      concurrency: 4,
      retention: { time: 7 * 86_400_000, bytes: 1_073_741_824 },
      shard: 'default',
    })
  })

  it('turns durations into ms and sizes into bytes', () => {
    expect(
      namespaceOf({ retry: { maxDelay: '1h' }, limits: { payloadBytes: '2mb' }, delay: '2h' }),
    ).toMatchObject({
      retry: { maxDelay: 3_600_000 },
      limits: { payloadBytes: 2_097_152 },
      delay: 7_200_000,
    })
  })

  it('takes a retention without end, in time, in bytes or in both', () => {
    expect(namespaceOf({ retention: { time: 'unlimited' } })).toMatchObject({
      retention: { time: Number.POSITIVE_INFINITY, bytes: 1_073_741_824 },
    })
    expect(namespaceOf({ retention: { time: 0, bytes: 'unlimited' } })).toMatchObject({
      retention: { time: 0, bytes: Number.POSITIVE_INFINITY },
    })
  })

  it('names the option of a retention that is none, and what it may be', () => {
    const retention = { time: 'ever', bytes: 0, records: 5 }
    const issues = issuesOf({
      directory: 'd',
      namespaces: { n: { targets: { t: target }, retention } },
    })
    expect(issues).toEqual([
      {
        path: 'namespaces.n.retention.time',
        reason: expect.stringMatching(/'ever' .*'unlimited'/),
      },
      { path: 'namespaces.n.retention.bytes', reason: expect.stringMatching(/0 .*'unlimited'/) },
      { path: 'namespaces.n.retention.records', reason: 'is not an option' },
    ])
  })

  it('lists every mistake with the path of its option', () => {
    const issues = issuesOf({
      directory: 'd',
      namespaces: {
        a: { targets: {}, retry: { maxAttempts: 0, minDelay: 'soon' } },
        b: { targets: { t: {} }, order: 'random', tagrets: 1, concurrency: 1.5 },
      },
    })
    expect(issues.map(({ path }) => path).sort()).toEqual([
      'namespaces.a.retry.maxAttempts',
      'namespaces.a.retry.minDelay',
      'namespaces.a.targets',
      'namespaces.b.concurrency',
      'namespaces.b.order',
      'namespaces.b.tagrets',
      'namespaces.b.targets.t',
    ])
  })

  it.each([
    ['a shard that does not exist', { shard: 'media' }, 'shard'],
    ['a key held back without order', { order: 'none', onDeadLetter: 'block' }, 'onDeadLetter'],
    [
      'a key waiting for letters that are off',
      { deadLetters: 'off', onDeadLetter: 'block' },
      'onDeadLetter',
    ],
    [
      'a key waiting for letters that cannot be listed',
      {
        deadLetters: { ...noDeadLetterQueue, supports: { listing: false, counts: false } },
        onDeadLetter: 'block',
      },
      'onDeadLetter',
    ],
    ['a delay beyond the longest', { delay: '2h', limits: { longestDelay: '1h' } }, 'delay'],
    [
      'a jitter beyond the longest delay',
      { jitter: '2h', limits: { longestDelay: '1h' } },
      'jitter',
    ],
    [
      'a jitter beyond what the queue delays by',
      { jitter: 2, queue: queueWith({ longestDelayMs: 1 }) },
      'jitter',
    ],
    [
      'a delay beyond what the queue delays by',
      { delay: 2, queue: queueWith({ longestDelayMs: 1 }) },
      'delay',
    ],
    [
      'a longest backoff below the shortest',
      { retry: { minDelay: '2s', maxDelay: '1s' } },
      'retry.maxDelay',
    ],
    ['a single record as an outage', { breaker: { failures: 1 } }, 'breaker.failures'],
    ['a name with a slash', { targets: { 'a/b': target } }, 'targets.a/b'],
  ])('refuses %s', (_, options, path) => {
    const issues = issuesOf({
      directory: 'd',
      namespaces: { n: { targets: { t: target }, ...options } },
    })
    expect(issues.map((issue) => issue.path)).toEqual([`namespaces.n.${path}`])
  })

  it('asks for a directory where a namespace brings no queue', () => {
    expect(issuesOf({ namespaces: { n: { targets: { t: target } } } })).toEqual([
      { path: 'namespaces.n.queue', reason: expect.stringContaining('directory') },
    ])
  })

  it('refuses order on a queue that keeps none', () => {
    const queue = queueWith({ order: 'none' })
    expect(issuesOf({ namespaces: { n: { queue, targets: { t: target } } } })).toMatchObject([
      { path: 'namespaces.n.order' },
    ])
  })

  it('lists what is wrong between options beside what is wrong in them', () => {
    const issues = issuesOf({
      namespaces: {
        a: { targets: { t: target }, shard: 'media', concurrency: 0 },
        b: { queue: 5, targets: { t: target }, order: 'none', onDeadLetter: 'block' },
        c: 'nothing',
      },
    })
    expect(issues.map(({ path }) => path).sort()).toEqual([
      'namespaces.a.concurrency',
      'namespaces.a.queue',
      'namespaces.a.shard',
      'namespaces.b.onDeadLetter',
      'namespaces.b.queue',
      'namespaces.c',
    ])
  })

  it.each<[string, object, string, RegExp]>([
    ['no time for an apply', { applyTimeout: 0 }, 'applyTimeout', /at least 1 ms/],
    ['no time for a write', { writeTimeout: '0s' }, 'writeTimeout', /at least 1 ms/],
    ['a queue without supports', { queue: queueWith(undefined) }, 'queue', /its supports/],
    ['a queue that supports in part', { queue: queueWith({ order: 1 }) }, 'queue', /its order/],
    [
      'a target without idempotency',
      { targets: { t: { apply() {} } } },
      'targets.t',
      /idempotency/,
    ],
    [
      'an idempotency that does not exist',
      { targets: { t: { apply() {}, idempotency: 'sometimes' } } },
      'targets.t',
      /'version', 'id', 'none'/,
    ],
    [
      'an op that does not exist',
      { targets: { t: { ...target, ops: ['upsert'] } } },
      'targets.t',
      /its ops/,
    ],
    [
      'a health that is no method',
      { targets: { t: { ...target, health: 1 } } },
      'targets.t',
      /health/,
    ],
    ['a schema that cannot check', { payload: { '~standard': 5 } }, 'payload', /Standard Schema/],
    [
      'a dead-letter queue that cannot remove',
      { deadLetters: { ...noDeadLetterQueue, remove: undefined } },
      'deadLetters',
      /its remove must be a method/,
    ],
    [
      'a dead-letter queue that does not say what it supports',
      { deadLetters: { ...noDeadLetterQueue, supports: { listing: false } } },
      'deadLetters',
      /its supports its counts must be true or false/,
    ],
    ['dead letters of another word', { deadLetters: 'none' }, 'deadLetters', /'off'/],
  ])('refuses %s, and says what it has to be', (_, options, path, reason) => {
    const issues = issuesOf({
      directory: 'd',
      namespaces: { n: { targets: { t: target }, ...options } },
    })
    expect(issues).toEqual([
      { path: `namespaces.n.${path}`, reason: expect.stringMatching(reason) },
    ])
  })

  it('refuses a clock and a randomness that are none', () => {
    const issues = issuesOf({
      directory: 'd',
      namespaces: { n: { targets: { t: target } } },
      clock: 5,
      random: { next: 1 },
    })
    expect(issues.map(({ path }) => path)).toEqual(['clock', 'random'])
  })

  it.each(['constructor', 'prototype', '__proto__'])('does not pass over the name %s', (name) => {
    const named = (value: unknown) => Object.fromEntries([[name, value]])
    const namespaces = { n: { targets: { t: target, ...named(0) } } }
    Object.defineProperty(namespaces.n.targets, name, { value: target, enumerable: true })
    expect(issuesOf({ directory: 'd', namespaces })).not.toEqual([])
    expect(issuesOf({ directory: 'd', namespaces: named({ targets: { t: target } }) })).not.toEqual(
      [],
    )
    const films = { targets: { t: target } }
    expect(issuesOf({ directory: 'd', shards: named({}), namespaces: { films } })).not.toEqual([])
  })

  it('refuses to have a queue serve two namespaces', () => {
    const films = { targets: { t: target }, queue: memoryQueue() }
    const own = { targets: { t: target }, queue: memoryQueue() }
    expect(issuesOf({ namespaces: { films, own, alsoFilms: films } })).toEqual([
      {
        path: 'namespaces.alsoFilms.queue',
        reason: 'is that of namespaces.films as well; give each a queue of its own',
      },
    ])
  })

  it('refuses to have no namespace', () => {
    expect(issuesOf({ directory: 'd', namespaces: {} })).toEqual([
      { path: 'namespaces', reason: 'must have a namespace: there is none to write to' },
    ])
  })

  it('knows no shard by the name of something every object has', () => {
    const namespaces = { n: { targets: { t: target }, shard: 'toString' } }
    expect(issuesOf({ directory: 'd', namespaces })).toMatchObject([{ path: 'namespaces.n.shard' }])
  })

  it('takes a schema that is a function', () => {
    const payload = Object.assign(() => {}, type<string>())
    expect(namespaceOf({ payload })?.payload).toBe(payload)
  })

  it('takes what the personas make', () => {
    const options = { directory: 'd', namespaces: { n: delayedQueue({ target, delay: '2h' }) } }
    expect(resolveOptions(options).namespaces[0]).toMatchObject({ order: 'none', delay: 7_200_000 })
  })

  it('carries a stable code', () => {
    expect(() => resolveOptions({})).toThrowError(expect.objectContaining({ code: 'ERR_CONFIG' }))
  })
})
