import { describe, expect, it } from 'vitest'
import { WalError } from '../../src/errors.ts'
import type { WalRecord } from '../../src/record.ts'
import { defineTarget, type TargetOptions } from '../../src/target/function-target.ts'
import type { HttpFetch } from '../../src/target/http/http-exchange.ts'
import type { HttpTargetOptions } from '../../src/target/http/http-options.ts'
import { httpTarget } from '../../src/target/http/http-target.ts'
import type { Target } from '../../src/target/target.ts'
import { type Forward, walTarget } from '../../src/target/wal/wal-target.ts'
import { VirtualClock } from '../../src/testing/virtual-clock.ts'
import type { Row } from '../testing/versioned-store.ts'
import {
  openRegions,
  type RegionName,
  RegionStore,
  type RegionsOptions,
} from './support/regions.ts'

const minute = 60_000
const hour = 60 * minute

describe('a peer that is away', () => {
  it('delays itself only, and its lag is in the status', async () => {
    const clock = new VirtualClock()
    const { at, linkOf, close } = await openRegions({ clock })
    linkOf('eu', 'us').isCut = true
    for (let each = 0; each < 10; each++) {
      await clock.runUntil(at('eu').rows.write({ key: `k${each}`, payload: { year: each } }))
      await clock.advance(1000)
      expect(at('asia').store.came).toHaveLength(each + 1)
    }
    const { replication } = (await at('eu').wal.status()).namespaces.rows
    expect(replication?.region).toEqual({ name: 'eu', number: 0 })
    expect(replication?.peers).toMatchObject({
      us: { number: 1, pending: 10, isCatchingUp: false },
      asia: { number: 2, pending: 0, lagMs: 0, isCatchingUp: false },
    })
    expect(replication?.peers['us']?.lagMs).toBeGreaterThanOrEqual(10_000)
    linkOf('eu', 'us').isCut = false
    await clock.advance(1000)
    expect(at('us').store.came).toHaveLength(10)
    const after = (await at('us').wal.status()).namespaces.rows.replication
    expect(after?.peers['eu']?.lastArrivalAt).toBeGreaterThan(0)
    expect(after?.peers['asia']?.lastArrivalAt).toBeUndefined()
    await close()
  })

  it('costs nobody an attempt, however long', async () => {
    const clock = new VirtualClock()
    const { at, linkOf, close } = await openRegions({ clock, longestPause: '30s' })
    linkOf('eu', 'us').isCut = true
    await clock.runUntil(at('eu').rows.write({ key: 'a', payload: { year: 1 } }))
    await clock.advance(hour)
    const { targets, replication } = (await at('eu').wal.status()).namespaces.rows
    expect(targets['us']?.delivery).toMatchObject({ retried: 0, deadLettered: 0, breaker: 'open' })
    // Far behind, and nothing is on its way whose rate could be bounded.
    expect(replication?.peers['us']).toMatchObject({ isCatchingUp: false })
    expect(replication?.peers['us']?.lagMs).toBeGreaterThan(59 * minute)
    linkOf('eu', 'us').isCut = false
    await clock.advance(30_000)
    expect(at('us').store.came).toHaveLength(1)
    await close()
  })

  /** A hundred records written two minutes before the end of a time in which the link was cut. */
  async function farBehind(catchUp: { perSecond: number; behind: '1m' } | 'unlimited') {
    const clock = new VirtualClock()
    const regions = await openRegions({ clock, catchUp })
    const write = (key: string) =>
      clock.runUntil(regions.at('eu').rows.write({ key, payload: { title: key } }))
    regions.linkOf('eu', 'us').isCut = true
    for (let each = 0; each < 100; each++) await write(`old ${each}`)
    await clock.advance(2 * minute)
    regions.linkOf('eu', 'us').isCut = false
    const came = (name: RegionName) => regions.at(name).store.came.length
    return { ...regions, clock, write, came }
  }

  it('is brought up to date at a bounded rate, while new writes go to all others at once', async () => {
    const { at, clock, write, came, close } = await farBehind({ perSecond: 10, behind: '1m' })
    await clock.advance(3000)
    const early = came('us')
    expect(early).toBeGreaterThan(15)
    expect(early).toBeLessThan(35)
    expect((await at('eu').wal.status()).namespaces.rows.replication?.peers['us']).toMatchObject({
      isCatchingUp: true,
    })
    const before = { eu: came('eu'), asia: came('asia') }
    await write('new')
    await clock.advance(20)
    expect({ eu: came('eu'), asia: came('asia') }).toEqual({ eu: 101, asia: 101 })
    expect(before).toEqual({ eu: 100, asia: 100 })
    await clock.advance(4000)
    expect(came('us') - early).toBeGreaterThan(35)
    expect(came('us') - early).toBeLessThan(45)
    await clock.advance(10_000)
    expect(came('us')).toBe(101)
    expect((await at('eu').wal.status()).namespaces.rows.replication?.peers['us']).toMatchObject({
      isCatchingUp: false,
    })
    await close()
  })

  it('takes what was just written as fast as it comes, also after it was behind', async () => {
    const { clock, write, came, close } = await farBehind({ perSecond: 10, behind: '1m' })
    await clock.advance(20_000)
    expect(came('us')).toBe(100)
    for (let each = 0; each < 100; each++) await write(`new ${each}`)
    await clock.advance(20)
    expect(came('us')).toBe(200)
    await close()
  })

  it('is the only one that is slowed: a store of this region takes its backlog as fast as it can', async () => {
    const clock = new VirtualClock()
    let isDown = true
    class Store extends RegionStore {
      override async apply(records: readonly WalRecord<Row>[]) {
        if (isDown) throw Object.assign(new Error('down'), { code: 'ECONNREFUSED' })
        return super.apply(records)
      }
    }
    const catchUp = { perSecond: 10, behind: '1m' } as const
    const { at, close } = await openRegions({ clock, catchUp, storeOf: () => new Store() })
    for (let each = 0; each < 100; each++) {
      await clock.runUntil(at('eu').rows.write({ key: `k${each}`, payload: {} }))
    }
    await clock.advance(2 * minute)
    isDown = false
    await clock.advance(1000)
    expect(at('eu').store.came).toHaveLength(100)
    await close()
  })

  it('is brought up to date at once where nothing bounds it', async () => {
    const { clock, came, close } = await farBehind('unlimited')
    await clock.advance(1000)
    expect(came('us')).toBe(100)
    await close()
  })
})

describe('records on their way to a peer', () => {
  it('go together where they are written within a few milliseconds, and to a store here at once', async () => {
    const clock = new VirtualClock()
    const batches: number[] = []
    const end = defineTarget<Row>(async (records) => void batches.push(records.length), {
      idempotency: 'version',
    })
    const endOf = (from: RegionName) => (from === 'eu' ? end : undefined)
    const { at, close } = await openRegions({ clock, endOf })
    for (let each = 0; each < 4; each++) {
      await clock.runUntil(at('eu').rows.write({ key: `k${each}`, payload: {} }))
      await clock.advance(1)
      expect(at('eu').store.came).toHaveLength(each + 1)
    }
    expect(batches).toEqual([])
    await clock.advance(5)
    expect(batches).toEqual([4, 4])
    await close()
  })
})

describe('a key that is written faster than a peer answers', () => {
  /** A record a millisecond, to a peer that is a tenth of a second away. */
  async function write50(endOf?: RegionsOptions['endOf'], onDeadLetter?: 'block') {
    const clock = new VirtualClock()
    const options = { ...(endOf && { endOf }), ...(onDeadLetter && { onDeadLetter }) }
    const regions = await openRegions({ clock, ...options })
    for (const link of ['us', 'asia'] as const) regions.linkOf('eu', link).delayMs = 100
    usRows = regions.at('us').rows
    const ids: string[] = []
    for (let year = 0; year < 50; year++) {
      const write = regions.at('eu').rows.write({ key: 'busy', payload: { year } })
      ids.push((await clock.runUntil(write)).id)
      await clock.advance(1)
    }
    return { ...regions, clock, ids }
  }

  let usRows: { readonly forward: Forward<Row> }
  const onlyFromEu =
    (end: Target<Row>): RegionsOptions['endOf'] =>
    (from, to) =>
      from === 'eu' && to === 'us' ? end : undefined

  it('goes there many records at a time, in their order', async () => {
    const { clock, at, ids, close } = await write50()
    await clock.advance(250)
    expect(at('us').store.came).toEqual(ids)
    await close()
  })

  for (const idempotency of ['version', 'id'] as const) {
    const endOf = (options: TargetOptions<Row>, batches: number[]) =>
      onlyFromEu(
        defineTarget<Row>(async (records) => void batches.push(records.length), {
          idempotency,
          ...options,
        }),
      )

    it(`goes one at a time where the end is a function with '${idempotency}', which has not said that it takes more`, async () => {
      const batches: number[] = []
      const { close } = await write50(endOf({}, batches))
      expect(batches.length).toBeGreaterThan(5)
      expect(Math.max(...batches)).toBe(1)
      await close()
    })

    it(`goes many at a time to a function with '${idempotency}' that says that it applies in order`, async () => {
      const batches: number[] = []
      const { close } = await write50(endOf({ appliesInOrder: 'key' }, batches))
      expect(Math.max(...batches)).toBeGreaterThan(1)
      await close()
    })
  }

  const overHttp: readonly (readonly [string, Partial<HttpTargetOptions<Row>>, boolean])[] = [
    ['many at a time over HTTP to what takes the records of another wal', {}, true],
    ['one at a time over HTTP to what compares versions', { idempotency: 'version' }, false],
    [
      'one at a time over HTTP in a body of its own',
      { body: (_, all) => JSON.stringify({ records: all.map(({ id }) => ({ id })) }) },
      false,
    ],
  ]
  for (const [how, options, isMany] of overHttp) {
    it(`goes ${how}`, async () => {
      const batches: number[] = []
      const fetch: HttpFetch = async (_, init) => {
        const { records } = JSON.parse(String(init.body)) as { records: { id: string }[] }
        batches.push(records.length)
        const results = records.map(({ id }) => ({ id, status: 'applied' }))
        const { body } = new Response(JSON.stringify({ results }))
        return { status: 200, headers: new Headers(), body }
      }
      const end = httpTarget<Row>({ url: 'http://us.invalid/', batch: true, fetch, ...options })
      const { close } = await write50(onlyFromEu(end))
      expect(batches.length).toBeGreaterThan(5)
      expect(Math.max(...batches) > 1).toBe(isMany)
      await close()
    })
  }

  it('goes one at a time where a dead letter blocks its key: none overtakes the one that is refused for good', async () => {
    const came: unknown[] = []
    const end = walTarget<Row>({
      forward: async (records) => {
        came.push(records.map(({ payload }) => payload?.year))
        const error = new WalError('ERR_INVALID_PAYLOAD', 'never')
        return records.map(({ id, version, payload }) =>
          payload?.year === 0
            ? ({ id, version, durable: 'no', error } as const)
            : ({ id, version, durable: 'yes' } as const),
        )
      },
    })
    const { at, clock, close } = await write50(onlyFromEu(end), 'block')
    await clock.advance(5000)
    expect(came).toEqual([[0]])
    expect(at('eu').events.deadLettered).toMatchObject([{ target: 'us' }])
    await close()
  })

  it('comes to the same where the peer refuses an earlier record of a batch and takes a later one', async () => {
    let refused = 0
    const end = walTarget<Row>({
      forward: async (records, options) => {
        const [first, ...rest] = records
        if (first === undefined || rest.length === 0 || refused > 0)
          return usRows.forward(records, options)
        refused++
        const error = new WalError('ERR_OVERLOADED', 'no room', { retryable: true })
        const { id, version } = first
        return [{ id, version, durable: 'no', error }, ...(await usRows.forward(rest, options))]
      },
    })
    const { at, clock, ids, close } = await write50(onlyFromEu(end))
    await clock.advance(5000)
    expect(refused).toBe(1)
    expect(new Set(at('us').store.came)).toEqual(new Set(ids))
    expect(await at('us').store.read('busy')).toEqual({ year: 49 })
    await close()
  })
})

describe('regions that are not configured alike', () => {
  it('do not take records that could tie with those of another', async () => {
    const clock = new VirtualClock()
    const { at, close } = await openRegions({ clock })
    const { version } = await clock.runUntil(at('us').rows.write({ key: 'a', payload: {} }))
    const record = {
      ...({
        id: '01900000-0000-7000-8000-000000000001',
        key: 'a',
        op: 'put',
        payload: {},
      } as const),
      ...{ headers: {}, writtenAt: clock.now() },
    }
    const receipts = await at('eu').rows.forward([
      { ...record, version, origin: 'asia' },
      { ...record, version, origin: 'africa' },
    ])
    expect(receipts.map(({ durable, error }) => [durable, error?.code])).toEqual([
      ['no', 'ERR_UNKNOWN_REGION'],
      ['no', 'ERR_UNKNOWN_REGION'],
    ])
    expect(receipts[0]?.message).toContain(
      "number 1 in its version, and 'asia', where it comes from, is 2 here",
    )
    expect(receipts[1]?.message).toContain("'africa', which is no peer of 'eu'")
    expect(at('eu').events.peerHeld).toMatchObject([{ peer: 'asia' }, { peer: 'africa' }])
    await close()
  })
})
