import { describe, expect, it } from 'vitest'
import { ClockWatch } from '../../src/region/clock-watch.ts'
import { VirtualClock } from '../../src/testing/virtual-clock.ts'
import { names, openRegions, type RegionName } from './support/regions.ts'

const minute = 60_000
const hour = 60 * minute

async function open() {
  const clock = new VirtualClock()
  const regions = await openRegions({ clock })
  return {
    ...regions,
    clock,
    write: (name: RegionName, key: string, title = key) =>
      clock.runUntil(regions.at(name).rows.write({ key, payload: { title } })),
    /** The code of what a write is refused with; undefined if it is taken. */
    refusal: (name: RegionName, key: string) =>
      clock.runUntil(
        regions
          .at(name)
          .rows.write({ key, payload: { title: key } })
          .then(
            () => undefined,
            (error: { readonly code: string }) => error.code,
          ),
      ),
    drift: async (name: RegionName) =>
      (await regions.at(name).wal.status()).namespaces.rows.replication?.drift,
  }
}

describe('a record that is ahead of the clock where it arrives', () => {
  it('is held and told of, and taken once the clock has come near it', async () => {
    const { at, clock, clockOf, write, close } = await open()
    clockOf('eu').offsetMs = 5000
    const { id, version } = await write('eu', 'a')
    await clock.advance(100)
    expect(at('us').store.came).toEqual([])
    const { peerHeld } = at('us').events
    expect(peerHeld).toMatchObject([
      { peer: 'eu', code: 'ERR_VERSION_AHEAD', id, key: 'a', version },
    ])
    expect(at('eu').events.held).toMatchObject([
      { target: 'us', code: 'ERR_VERSION_AHEAD', record: { id } },
      { target: 'asia', code: 'ERR_VERSION_AHEAD', record: { id } },
    ])
    await clock.advance(3850)
    expect(at('us').store.came).toEqual([])
    await clock.advance(200)
    expect(at('us').store.came).toEqual([id])
    await close()
  })

  it('spends no attempt, opens no breaker, and holds no other key', async () => {
    const { at, clock, clockOf, write, close } = await open()
    clockOf('eu').offsetMs = hour
    await write('eu', 'a')
    clockOf('eu').offsetMs = 0
    const { id } = await write('eu', 'b')
    await clock.advance(10 * minute)
    expect(at('us').store.came).toEqual([id])
    const { targets } = (await at('eu').wal.status()).namespaces.rows
    expect(targets['us']?.delivery).toMatchObject({
      held: 1,
      retried: 0,
      deadLettered: 0,
      breaker: 'closed',
    })
    expect(at('eu').events.paused).toEqual([])
    await clock.advance(hour)
    expect(at('us').store.came).toHaveLength(2)
    await close()
  })

  it('is asked about every half a minute, and told of once a minute', async () => {
    const { at, clock, clockOf, write, close } = await open()
    clockOf('eu').offsetMs = hour
    await write('eu', 'a')
    await clock.advance(10 * minute)
    const { replication } = (await at('us').wal.status()).namespaces.rows
    // One record, however often it was asked about.
    expect(replication?.peers['eu']?.refused).toBe(1)
    expect(at('us').events.peerHeld.length).toBeGreaterThanOrEqual(10)
    expect(at('us').events.peerHeld.length).toBeLessThanOrEqual(11)
    expect(at('eu').events.held).toHaveLength(2)
    await close()
  })

  it('leaves versions of the region where it is held alone', async () => {
    const { at, clock, clockOf, write, close } = await open()
    clockOf('eu').offsetMs = hour
    await write('eu', 'a')
    await clock.advance(minute)
    const { version } = await write('us', 'a')
    expect(Number(version) / 1000 - clockOf('us').now()).toBeLessThan(1)
    expect(at('us').events.clockDrift).toEqual([])
    await close()
  })
})

describe('a write', () => {
  it('is refused while its version would be ahead of a clock that was set back', async () => {
    const { clock, clockOf, write, refusal, close } = await open()
    await write('eu', 'a')
    clockOf('eu').offsetMs = -1500
    expect(await refusal('eu', 'a')).toBe('ERR_CLOCK_DRIFT')
    await clock.advance(600)
    expect(await refusal('eu', 'a')).toBeUndefined()
    clockOf('eu').offsetMs = -2000
    expect(await refusal('eu', 'a')).toBe('ERR_CLOCK_DRIFT')
    clockOf('eu').offsetMs = 0
    expect(await refusal('eu', 'a')).toBeUndefined()
    await close()
  })

  it('is refused where it has to follow a version far ahead, and leaves later ones alone', async () => {
    const { at, clock, refusal, close } = await open()
    const after = BigInt(clock.now() + 2000) * 1000n
    const far = at('eu').rows.write({ key: 'a', payload: {}, after })
    await expect(clock.runUntil(far)).rejects.toMatchObject({
      code: 'ERR_CLOCK_DRIFT',
      retryable: true,
    })
    expect(await refusal('eu', 'a')).toBeUndefined()
    const near = at('eu').rows.write({ key: 'a', payload: {}, after: after - 1_500_000n })
    expect((await clock.runUntil(near)).version).toBeGreaterThan(after - 1_500_000n)
    await close()
  })

  it('may not bring a version of another region', async () => {
    const { at, write, close } = await open()
    const { id, version } = await write('us', 'a')
    const again = { key: 'a', payload: {}, id, version }
    await expect(at('eu').rows.write(again)).rejects.toMatchObject({ code: 'ERR_INVALID_RECORD' })
    await close()
  })

  it('is refused where most regions find the clock ahead, until it is set right', async () => {
    const { at, clock, clockOf, write, refusal, drift, close } = await open()
    clockOf('eu').offsetMs = hour
    await write('eu', 'a')
    await clock.advance(100)
    expect(await drift('eu')).toBe('ahead')
    expect(await refusal('eu', 'b')).toBe('ERR_CLOCK_DRIFT')
    expect(at('eu').events.clockDrift).toMatchObject([
      { region: 'eu', direction: 'ahead', peers: ['us', 'asia'] },
    ])
    for (const other of ['us', 'asia'] as const) expect(await refusal(other, 'c')).toBeUndefined()
    clockOf('eu').offsetMs = 0
    expect(await refusal('eu', 'b')).toBeUndefined()
    // What it has given out of that key is still ahead.
    expect(await refusal('eu', 'a')).toBe('ERR_CLOCK_DRIFT')
    await clock.advance(10 * minute)
    expect(await drift('eu')).toBeUndefined()
    await close()
  })

  it('is refused where most regions are ahead of the clock, until it is set right', async () => {
    const { at, clock, clockOf, write, refusal, drift, close } = await open()
    clockOf('eu').offsetMs = -hour
    await write('us', 'a')
    await clock.advance(100)
    expect(await refusal('eu', 'b')).toBeUndefined()
    await write('asia', 'b')
    await clock.advance(100)
    expect(await refusal('eu', 'b')).toBe('ERR_CLOCK_DRIFT')
    expect(await drift('eu')).toBe('behind')
    expect(at('eu').events.clockDrift).toMatchObject([{ region: 'eu', direction: 'behind' }])
    expect(await drift('us')).toBeUndefined()
    clockOf('eu').offsetMs = 0
    expect(await refusal('eu', 'b')).toBeUndefined()
    await clock.advance(31_000)
    expect(at('eu').store.came).toHaveLength(4)
    await close()
  })

  it('is taken where peers were off one after the other, and never together', async () => {
    const { clock, clockOf, write, refusal, drift, close } = await open()
    for (const name of ['us', 'asia'] as const) {
      clockOf(name).offsetMs = hour
      await write(name, `of ${name}`)
      await clock.advance(100)
      clockOf(name).offsetMs = 0
      // Its old record is held for an hour; with a new one that is near it shows that it was mended.
      await write(name, `near ${name}`)
      await clock.advance(100)
    }
    for (let round = 0; round < 4; round++) {
      expect(await refusal('eu', 'b')).toBeUndefined()
      expect(await drift('eu')).toBeUndefined()
      await clock.advance(10 * minute)
    }
    await close()
  })

  it('is taken where peers that were off hold their peace once they were mended', async () => {
    const { clock, clockOf, write, refusal, close } = await open()
    for (const name of ['us', 'asia'] as const) {
      clockOf(name).offsetMs = hour
      await write(name, `of ${name}`)
      await clock.advance(100)
      clockOf(name).offsetMs = 0
      await clock.advance(2 * minute)
    }
    expect(await refusal('eu', 'b')).toBeUndefined()
    await close()
  })

  it('is taken where only one region has a clock that is off', async () => {
    const { clock, clockOf, write, refusal, close } = await open()
    clockOf('asia').offsetMs = hour
    await write('asia', 'a')
    await clock.advance(100)
    for (const name of ['eu', 'us'] as const) expect(await refusal(name, 'b')).toBeUndefined()
    await close()
  })
})

describe('ClockWatch', () => {
  const setUp = (peers: number) => {
    const clock = new VirtualClock()
    const drifts: string[] = []
    const onDrift = (drift: string) => drifts.push(drift)
    return { clock, drifts, watch: new ClockWatch({ clock, maxDriftMs: 1000, peers, onDrift }) }
  }

  it('cannot tell of two regions whose clock is off', () => {
    const { clock, watch } = setUp(1)
    watch.sawAhead('us', clock.now() + hour)
    watch.toldAhead('us', clock.now())
    expect(watch.drift()).toBeUndefined()
  })

  it('asks for more than half of five regions', () => {
    const { clock, watch, drifts } = setUp(4)
    for (const peer of ['us', 'asia']) watch.sawAhead(peer, clock.now() + hour)
    expect(watch.drift()).toBeUndefined()
    watch.sawAhead('africa', clock.now() + hour)
    expect(watch.drift()).toBe('behind')
    expect(drifts).toEqual(['behind'])
  })

  it('forgets a sign after a minute, and tells of the same again then', async () => {
    const { clock, watch, drifts } = setUp(2)
    const tell = () => names.slice(1).forEach((peer) => void watch.toldAhead(peer, clock.now()))
    tell()
    await clock.advance(minute)
    expect(watch.drift()).toBe('ahead')
    await clock.advance(1)
    expect(watch.drift()).toBeUndefined()
    tell()
    expect(drifts).toEqual(['ahead', 'ahead'])
  })

  it('does not take a record that is ahead of its own clock, too, for a word of that clock', () => {
    const { clock, watch } = setUp(2)
    for (const peer of names.slice(1)) watch.toldAhead(peer, clock.now() + hour)
    expect(watch.drift()).toBeUndefined()
  })

  it('believes a peer that takes what was just written', () => {
    const { clock, watch } = setUp(2)
    for (const peer of names.slice(1)) watch.toldAhead(peer, clock.now())
    expect(watch.drift()).toBe('ahead')
    watch.agrees('us')
    expect(watch.drift()).toBeUndefined()
  })
})
