import { describe, expect, it } from 'vitest'
import type { ResolvedReplication } from '../../src/config/replication.ts'
import { Arrivals } from '../../src/region/arrivals.ts'
import { ClockWatch } from '../../src/region/clock-watch.ts'
import { VirtualClock } from '../../src/testing/virtual-clock.ts'

const settings: ResolvedReplication = {
  region: { name: 'eu', number: 0 },
  peers: new Map([['us', { number: 1, targets: ['us'] }]]),
  maxDriftMs: 1000,
  longestLagMs: 1000,
  catchUp: undefined,
}

function setUp() {
  const clock = new VirtualClock()
  const told: string[] = []
  const watch = new ClockWatch({ clock, maxDriftMs: 1000, peers: 1, onDrift: () => {} })
  const onHeld = ({ peer }: { readonly peer: string }) => told.push(peer)
  const arrivals = new Arrivals({ namespace: 'rows', settings, clock, watch, onHeld })
  const arrive = (origin: string, aheadMs = 0, number = 1) =>
    arrivals.objection({
      ...{ id: 'r', key: 'a', origin },
      version: ((BigInt(clock.now() + aheadMs) * 1000n) & ~15n) + BigInt(number),
    })
  return { clock, told, arrivals, arrive }
}

describe('what arrives from another region', () => {
  it('is taken up to the bound, and not a millisecond further ahead', () => {
    const { arrive, arrivals, clock } = setUp()
    expect(arrive('us', 1000)).toBeUndefined()
    expect(arrivals.lastAt('us')).toBe(clock.now())
    const early = arrive('us', 1002)
    expect(early).toMatchObject({ code: 'ERR_VERSION_AHEAD', retryable: true })
    expect([1001, 1002]).toContain(early?.aheadMs)
    expect(arrivals.refused('us')).toBe(1)
  })

  it('counts as refused once for each record, also after more than are remembered', () => {
    const { arrivals, clock } = setUp()
    const version = ((BigInt(clock.now() + 60_000) * 1000n) & ~15n) + 1n
    const ask = (id: string) => arrivals.objection({ id, key: 'a', origin: 'us', version })
    for (let times = 0; times < 3; times++) for (const id of ['r', 's', 't']) ask(id)
    expect(arrivals.refused('us')).toBe(3)
    for (let each = 0; each < 70_000; each++) ask(`${each}`)
    ask('69999')
    expect(arrivals.refused('us')).toBe(70_003)
  })

  it('is to be tried again when the clock has come near it, or in half a minute', () => {
    const { arrive } = setUp()
    expect(arrive('us', 3000)?.retryAfterMs).toBeLessThanOrEqual(2000)
    expect(arrive('us', 3000)?.retryAfterMs).toBeGreaterThanOrEqual(1999)
    expect(arrive('us', 3_600_000)?.retryAfterMs).toBe(30_000)
    expect(arrive('asia')?.retryAfterMs).toBe(30_000)
  })

  it('is taken from this region too, where it has its number', () => {
    const { arrive } = setUp()
    expect(arrive('eu', 0, 0)).toBeUndefined()
    expect(arrive('eu', 0, 1)).toMatchObject({ code: 'ERR_UNKNOWN_REGION' })
  })

  it('is told of once for each name and a minute, also where names are made up without end', async () => {
    const { arrive, told, clock } = setUp()
    for (let each = 0; each < 1000; each++) arrive(`made up ${each}`)
    for (let each = 0; each < 1000; each++) arrive(`made up ${each}`)
    expect(told.length).toBeLessThan(70)
    await clock.advance(60_000)
    arrive('made up 0')
    arrive('made up 999')
    expect(told.slice(-2)).toEqual(['made up 0', 'made up 999'])
  })
})
