import { describe, expect, it } from 'vitest'
import { ConfigError } from '../../src/config/config-error.ts'
import { resolveOptions } from '../../src/config/resolve.ts'
import { memoryQueue } from '../../src/queue/memory-queue.ts'
import { defineTarget } from '../../src/target/function-target.ts'

const target = defineTarget(async () => {}, { idempotency: 'version' })
const region = { name: 'eu', number: 0 }
const peers = { us: { number: 1, target } }

function resolved(replication: object, more: object = {}, wal: object = {}) {
  const namespaces = { n: { targets: { store: target }, replication, ...more } }
  return resolveOptions({ directory: 'd', ...wal, namespaces })
}

/** Path and reason of everything that is wrong. */
function issuesOf(...given: Parameters<typeof resolved>): readonly string[] {
  try {
    resolved(...given)
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error
    return error.issues.map(({ path, reason }) => `${path} ${reason}`)
  }
  return []
}

describe('the replication of a namespace', () => {
  it('has a default for everything but region and peers', () => {
    expect(resolved({ region, peers }).namespaces[0]?.replication).toEqual({
      region,
      peers: new Map([['us', { number: 1, targets: ['us'] }]]),
      maxDriftMs: 1000,
      longestLagMs: 3 * 86_400_000,
      catchUp: { perSecond: 10_000, behindMs: 60_000 },
    })
  })

  it('puts the targets of peers beside those of the region', () => {
    const several = { asia: { number: 2, targets: { cache: target, base: target } } }
    const { targets, replication } = resolved({ region, peers: { ...peers, ...several } })
      .namespaces[0] as NonNullable<ReturnType<typeof resolved>['namespaces'][0]>
    expect(Object.keys(targets)).toEqual(['store', 'us', 'asia.cache', 'asia.base'])
    expect(replication?.peers.get('asia')?.targets).toEqual(['asia.cache', 'asia.base'])
  })

  it('takes a function for a target, and its region from the wal', () => {
    const [namespace] = resolved(
      { peers: { us: { number: 1, target: async () => {} } }, catchUp: 'unlimited' },
      {},
      { region },
    ).namespaces
    expect(namespace?.targets['us']?.idempotency).toBe('none')
    expect(namespace?.replication).toMatchObject({ region, catchUp: undefined })
  })

  const wrong: readonly (readonly [string, Parameters<typeof resolved>, string | RegExp])[] = [
    ['a region is missing', [{ peers }], 'namespaces.n.replication.region is missing'],
    [
      'the wal is another region',
      [{ region, peers }, {}, { region: { name: 'us', number: 1 } }],
      "namespaces.n.replication.region is eu (0), and the wal's region is us (1)",
    ],
    [
      'the region is among its peers',
      [{ region, peers: { eu: { number: 3, target } } }],
      'namespaces.n.replication.peers.eu is this region itself',
    ],
    [
      'a peer has the number of the region',
      [{ peers: { us: { number: 0, target } } }, {}, { region }],
      "namespaces.n.replication.peers.us.number is that of 'eu' as well",
    ],
    [
      'two peers share a number',
      [{ region, peers: { ...peers, asia: { number: 1, target } } }],
      "namespaces.n.replication.peers.asia.number is that of 'us' as well",
    ],
    [
      'a number is none',
      [{ region: { name: 'eu', number: 16 }, peers }],
      'namespaces.n.replication.region.number must be a whole number from 0 to 15',
    ],
    [
      "two peers' targets have one name",
      [
        {
          region,
          peers: { us: { number: 1, targets: { a: target } }, 'us.a': { number: 2, target } },
        },
      ],
      "namespaces.n.replication.peers.us.a has a target 'us.a', and 'us' has one of that name",
    ],
    ['there are no peers', [{ region, peers: {} }], 'namespaces.n.replication.peers must name'],
    [
      'a peer has no target',
      [{ region, peers: { us: { number: 1 } } }],
      'namespaces.n.replication.peers.us must have either a target or targets',
    ],
    [
      'a peer has both',
      [{ region, peers: { us: { number: 1, target, targets: { a: target } } } }],
      'namespaces.n.replication.peers.us must have either a target or targets',
    ],
    [
      'a target of the region has the name of a peer',
      [{ region, peers }, { targets: { us: target } }],
      "namespaces.n.targets.us is the name of a peer's target as well",
    ],
    [
      'the bound is none',
      [{ region, peers, maxDrift: 0 }],
      'namespaces.n.replication.maxDrift must be at least 1 ms',
    ],
    [
      'the bound is longer than a day',
      [{ region, peers, maxDrift: '25h' }],
      'namespaces.n.replication.maxDrift must be at most a day',
    ],
    [
      'a rate is none',
      [{ region, peers, catchUp: { perSecond: 0 } }],
      'namespaces.n.replication.catchUp.perSecond must be a number above 0',
    ],
    [
      'an option is misspelt',
      [{ region, peers, maxdrift: 1 }],
      'namespaces.n.replication.maxdrift is not an option',
    ],
    ['it has a delay', [{ region, peers }, { delay: 5 }], 'namespaces.n.delay every region'],
    ['it has a jitter', [{ region, peers }, { jitter: 5 }], 'namespaces.n.jitter every region'],
    [
      'it has transactions',
      [{ region, peers }, { transactions: {} }],
      'namespaces.n.transactions are not replicated',
    ],
  ]
  for (const [what, options, expected] of wrong) {
    it(`is refused where ${what}, with the path of the option`, () => {
      expect(issuesOf(...options)).toEqual([expect.stringContaining(expected as string)])
    })
  }

  it('counts the targets of peers where a queue has one reader', () => {
    const real = memoryQueue()
    const queue = Object.assign(Object.create(real), {
      supports: { ...real.supports, independentReaders: false },
    })
    expect(issuesOf({ region, peers }, { queue })).toEqual([
      expect.stringContaining('namespaces.n.targets a memory queue has one reader'),
    ])
  })
})
