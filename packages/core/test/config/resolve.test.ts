import { describe, expect, it } from 'vitest'
import { ConfigError, type ConfigIssue } from '../../src/config/config-error.ts'
import { resolveOptions } from '../../src/config/resolve.ts'
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
      batch: { maxRecords: 500, maxBytes: 1_048_576, linger: 0 },
      breaker: { failures: 10, minOpen: 1000, maxOpen: 30_000 },
      concurrency: 4,
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
    ['a delay beyond the longest', { delay: '2h', limits: { longestDelay: '1h' } }, 'delay'],
    [
      'a longest backoff below the shortest',
      { retry: { minDelay: '2s', maxDelay: '1s' } },
      'retry.maxDelay',
    ],
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
    const queue = { ...memoryQueue(), kind: 'heap', supports: { order: 'none' } }
    const real = memoryQueue()
    const unordered = Object.assign(Object.create(real), queue)
    expect(
      issuesOf({ namespaces: { n: { queue: unordered, targets: { t: target } } } }),
    ).toMatchObject([{ path: 'namespaces.n.order' }])
  })

  it('takes what the presets make', () => {
    const options = { directory: 'd', namespaces: { n: delayedQueue({ target, delay: '2h' }) } }
    expect(resolveOptions(options).namespaces[0]).toMatchObject({ order: 'none', delay: 7_200_000 })
  })

  it('carries a stable code', () => {
    expect(() => resolveOptions({})).toThrowError(expect.objectContaining({ code: 'ERR_CONFIG' }))
  })
})
