import { describe, expect, it } from 'vitest'
import { ConfigError } from '../../src/config/config-error.ts'
import { type } from '../../src/config/payload-type.ts'
import { crossRegionReplication } from '../../src/persona/cross-region-replication.ts'
import { memoryQueue } from '../../src/queue/memory-queue.ts'
import { defineTarget } from '../../src/target/function-target.ts'
import type { Target } from '../../src/target/target.ts'
import { VirtualClock } from '../../src/testing/virtual-clock.ts'
import { createWal } from '../../src/wal.ts'
import type { Row } from '../testing/versioned-store.ts'
import { openRegions, RegionStore } from './support/regions.ts'

const minute = 60_000
const day = 24 * 60 * minute

/** A store that forgets a delete after ten minutes. */
class ForgetfulStore extends RegionStore {
  override remembersDeletesMs = () => 10 * minute
}

async function open() {
  const clock = new VirtualClock()
  const storeOf = () => new ForgetfulStore()
  const regions = await openRegions({
    clock,
    storeOf,
    catchUp: 'unlimited',
    longestLag: '5m',
    longestPause: '10s',
  })
  const cut = (isCut: boolean) => {
    for (const [from, to] of [
      ['eu', 'us'],
      ['us', 'eu'],
      ['eu', 'asia'],
      ['asia', 'eu'],
    ] as const) {
      regions.linkOf(from, to).isCut = isCut
    }
  }
  return { ...regions, clock, cut }
}

describe('a put that comes later than its target remembers deletes', () => {
  it('becomes a dead letter there, and brings nothing back', async () => {
    const { at, clock, cut, close } = await open()
    cut(true)
    await clock.runUntil(at('eu').rows.write({ key: 'a', payload: { title: 'old' } }))
    await clock.runUntil(at('us').rows.delete({ key: 'a' }))
    await clock.advance(12 * minute)
    cut(false)
    await clock.advance(60_000)
    for (const name of ['us', 'asia'] as const) {
      const { store, rows, events } = at(name)
      expect(await store.read('a')).toBeUndefined()
      expect(events.deadLettered).toMatchObject([
        { target: 'store', attempts: [{ code: 'ERR_TOO_LATE' }], stored: { origin: 'eu' } },
      ])
      expect((await rows.deadLetters.list()).letters).toHaveLength(1)
    }
    // The delete came late to where it was written, and removes it.
    expect(await at('eu').store.read('a')).toBeUndefined()
    await close()
  })

  it('is applied where somebody redrives it', async () => {
    const { at, clock, cut, close } = await open()
    cut(true)
    const { id } = await clock.runUntil(
      at('eu').rows.write({ key: 'a', payload: { title: 'old' } }),
    )
    await clock.advance(12 * minute)
    cut(false)
    await clock.advance(60_000)
    expect(await at('us').store.read('a')).toBeUndefined()
    await clock.runUntil(at('us').rows.deadLetters.redrive('all'))
    await clock.advance(1000)
    expect(await at('us').store.read('a')).toEqual({ title: 'old' })
    expect(at('us').store.came).toEqual([id])
    await close()
  })

  it('is applied as ever where it is not older than that, and where it was written', async () => {
    const { at, clock, cut, close } = await open()
    cut(true)
    await clock.runUntil(at('eu').rows.write({ key: 'a', payload: { title: 'old' } }))
    await clock.advance(5 * minute)
    cut(false)
    await clock.advance(60_000)
    expect(await at('us').store.read('a')).toEqual({ title: 'old' })
    expect(await at('eu').store.read('a')).toEqual({ title: 'old' })
    await close()
  })

  it('is looked at for the stores of a peer as well, where they are its end', async () => {
    const clock = new VirtualClock()
    const store = new ForgetfulStore()
    let isDown = true
    const end: Target<Row> = {
      idempotency: 'version',
      remembersDeletesMs: () => 10 * minute,
      async apply(records) {
        if (isDown) throw Object.assign(new Error('down'), { code: 'ECONNREFUSED' })
        return store.apply(records)
      },
    }
    const { at, close } = await openRegions({
      clock,
      longestLag: '5m',
      longestPause: '10s',
      endOf: (from, to) => (from === 'eu' && to === 'us' ? end : undefined),
    })
    await clock.runUntil(at('eu').rows.write({ key: 'a', payload: { title: 'old' } }))
    await clock.runUntil(at('eu').rows.delete({ key: 'b' }))
    await clock.advance(12 * minute)
    isDown = false
    await clock.advance(60_000)
    expect(store.came).toHaveLength(1)
    expect(at('eu').events.deadLettered).toMatchObject([{ target: 'us', stored: { key: 'a' } }])
    await close()
  })
})

describe('the check of what targets remember', () => {
  const store = (remembersDeletesMs: NonNullable<Target['remembersDeletesMs']>): Target<Row> => ({
    ...defineTarget<Row>(async () => {}, { idempotency: 'version' }),
    remembersDeletesMs,
  })
  const opening = (own: Target<Row>, peer: Target<Row>, clock = new VirtualClock()) =>
    createWal({
      clock,
      namespaces: {
        rows: crossRegionReplication({
          payload: type<Row>(),
          queue: memoryQueue(),
          region: { name: 'eu', number: 0 },
          targets: { own },
          peers: { us: { number: 1, targets: { cache: peer } } },
          longestLag: '2d',
        }),
      },
    })

  it('refuses those that say that they forget too soon, each with its path', async () => {
    const found = await opening(
      store(() => 2 * day),
      store(async () => day),
    ).catch((error) => error)
    expect(found).toBeInstanceOf(ConfigError)
    expect(found.issues.map(({ path }: { readonly path: string }) => path)).toEqual([
      'namespaces.rows.targets.own',
      'namespaces.rows.replication.peers.us.targets.cache',
    ])
    expect(found.message).toContain('172800000 ms')
  })

  it('closes the store of dead letters that was given, too, where it refuses', async () => {
    const letters = memoryQueue()
    await letters.open({ namespace: 'letters', targets: [], clock: new VirtualClock() } as never)
    const deadLetters = await letters.deadLetters()
    let closed = 0
    const given = {
      ...bound(deadLetters as object),
      close: async () => void closed++,
    }
    const refusing = createWal({
      namespaces: {
        rows: crossRegionReplication({
          ...{ queue: memoryQueue(), region: { name: 'eu', number: 0 } },
          ...{ targets: { own: store(() => 0) }, deadLetters: given as never },
          peers: { us: { number: 1, target: store(() => undefined) } },
        }),
      },
    })
    await expect(refusing).rejects.toBeInstanceOf(ConfigError)
    expect(closed).toBe(1)
  })

  it('refuses a queue that may remove what a peer that is away has not got', async () => {
    const forgets = { keepsForMs: () => day }
    const options = (longestLag: '1d' | '2d') => ({
      namespaces: {
        rows: crossRegionReplication({
          region: { name: 'eu', number: 0 },
          queue: Object.assign(memoryQueue(), forgets),
          targets: { own: store(() => undefined) },
          peers: { us: { number: 1, target: store(() => undefined) } },
          longestLag,
        }),
      },
    })
    await expect(createWal(options('2d'))).rejects.toMatchObject({
      code: 'ERR_CONFIG',
      message: expect.stringMatching(/replication\.longestLag.*172800000 ms.*86400000 ms/),
    })
    await (await createWal(options('1d'))).close()
  })

  it('lets those be that remember for longer, or for good', async () => {
    const wal = await opening(
      store(() => 3 * day),
      store(() => undefined),
    )
    await wal.close()
  })

  it('asks once more, at the first record, those that could not say', async () => {
    const clock = new VirtualClock()
    let asked = 0
    const late = store(async () => {
      asked++
      if (asked === 1) throw new Error('not open')
      return day
    })
    const wal = await opening(
      late,
      store(() => undefined),
      clock,
    )
    const errors: string[] = []
    wal.on('error', ({ error, target }) => errors.push(`${target} ${error.code}`))
    await wal.start()
    await clock.runUntil(wal.write('rows', { key: 'a', payload: {} }))
    await clock.runUntil(wal.write('rows', { key: 'b', payload: {} }))
    await clock.advance(1000)
    expect(asked).toBe(2)
    expect(errors).toEqual(['own ERR_CONFIG'])
    await clock.runUntil(wal.close())
  })

  it('is made again every hour, and what was said stands where nothing is', async () => {
    const clock = new VirtualClock()
    const said = [3 * day, 3 * day, undefined, day]
    let asked = 0
    const own = store(async () => {
      const ms = said[Math.min(asked++, said.length - 1)]
      if (ms === undefined) throw new Error('not there')
      return ms
    })
    const wal = await opening(
      own,
      store(() => undefined),
      clock,
    )
    const errors: string[] = []
    wal.on('error', ({ error }) => errors.push(error.code))
    await wal.start()
    for (const [hours, times, found] of [
      [0, 1, 0],
      [1, 2, 0],
      [0, 2, 0],
      [1, 3, 0],
      [1, 4, 1],
      [1, 5, 1],
    ]) {
      await clock.advance((hours ?? 0) * 60 * minute)
      await clock.runUntil(wal.write('rows', { key: 'a', payload: {} }))
      await clock.advance(1000)
      expect([asked, errors.length]).toEqual([times, found])
    }
    await clock.runUntil(wal.close())
  })

  it('waits for none of them for long', async () => {
    const clock = new VirtualClock()
    const silent = store(() => new Promise<number>(() => {}))
    const wal = await clock.runUntil(
      opening(
        silent,
        store(() => undefined),
        clock,
      ),
      {
        withinMs: 5000,
      },
    )
    await clock.runUntil(wal.close())
  })
})

/** Its methods, as those of a plain object. */
function bound(queue: object) {
  const methods = ['put', 'list', 'get', 'remove', 'summaries', 'count', 'close']
  return Object.fromEntries(methods.map((name) => [name, Reflect.get(queue, name).bind(queue)]))
}
