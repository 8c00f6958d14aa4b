import { describe, expect, it } from 'vitest'
import type { Duration } from '../../src/config/quantity.ts'
import type { WriteInput } from '../../src/producer/write-input.ts'
import { patchlessTarget } from '../../src/region/patches.ts'
import { VirtualClock } from '../../src/testing/virtual-clock.ts'
import type { Row } from '../testing/versioned-store.ts'
import { names, openRegions, RegionStore } from './support/regions.ts'

const minute = 60_000
const day = 24 * 60 * minute

class FieldStore extends RegionStore {
  readonly guardsFields = true
}

async function open(storeOf?: () => RegionStore, longestLag?: Duration) {
  const clock = new VirtualClock()
  const regions = await openRegions({
    clock,
    ...(storeOf && { storeOf }),
    ...(longestLag && { longestLag }),
  })
  const write = (input: WriteInput<Row, 'store'>) =>
    clock.runUntil(regions.at('eu').rows.write(input as never))
  return { ...regions, clock, write }
}

const patch = { key: 'a', op: 'patch', payload: { year: 1948 } } as const

describe('a patch in a replicated namespace', () => {
  it('is refused at write and at forward where a store has one version per row', async () => {
    const { at, clock, write, close } = await open()
    await expect(write(patch)).rejects.toMatchObject({
      code: 'ERR_INVALID_RECORD',
      message: expect.stringContaining(
        "target 'store' does not say that it compares versions field by field",
      ),
    })
    const { id, version } = await write({ key: 'a', payload: {} })
    const record = { ...patch, id, version, origin: 'eu', headers: {}, writtenAt: clock.now() }
    const [receipt] = await clock.runUntil(at('us').rows.forward([record]))
    expect(receipt).toMatchObject({ durable: 'no', error: { code: 'ERR_INVALID_RECORD' } })
    await close()
  })

  it('is taken, and sent on, where every store compares field by field', async () => {
    const { at, clock, write, close } = await open(() => new FieldStore())
    const { id } = await write(patch)
    await clock.advance(1000)
    for (const name of names) expect(at(name).store.came).toEqual([id])
    await close()
  })
})

describe('patchlessTarget', () => {
  const isOfPeer = (name: string) => name.startsWith('us')
  const store = { idempotency: 'version' } as const

  it('names an own target or a store of a peer, and leaves to others what passes records on', () => {
    const fields = { ...store, guardsFields: true }
    const passing = { idempotency: 'id', passesOn: true } as const
    const http = { idempotency: 'id' } as const
    expect(patchlessTarget({ own: fields, us: passing }, isOfPeer)).toBeUndefined()
    expect(patchlessTarget({ own: fields, us: http }, isOfPeer)).toBeUndefined()
    const atPeer = { ...store, passesOn: 'peer' } as const
    expect(patchlessTarget({ own: fields, us: atPeer }, isOfPeer)).toBeUndefined()
    expect(patchlessTarget({ own: atPeer, us: passing }, isOfPeer)).toBe('own')
    expect(patchlessTarget({ own: fields, 'us.cache': store }, isOfPeer)).toBe('us.cache')
    expect(patchlessTarget({ own: http, us: passing }, isOfPeer)).toBe('own')
    expect(patchlessTarget({ own: { ...fields, guardsFields: false } }, isOfPeer)).toBe('own')
  })
})

describe('a write into a replicated namespace', () => {
  it('is refused for one target alone', async () => {
    const { write, close } = await open()
    await expect(write({ key: 'a', payload: {}, target: 'store' })).rejects.toMatchObject({
      code: 'ERR_INVALID_RECORD',
      message: expect.stringContaining('in one region only'),
    })
    await close()
  })

  it('is refused with a delay above longestLag, and cannot be put off beyond it', async () => {
    const { at, clock, write, close } = await open()
    const refused = { code: 'ERR_INVALID_DELAY' }
    await expect(write({ key: 'a', payload: {}, delay: 3 * day + 1 })).rejects.toMatchObject(
      refused,
    )
    const at3 = { key: 'a', payload: {}, at: clock.now() + 4 * day }
    await expect(write(at3)).rejects.toMatchObject(refused)
    const { id } = await write({ key: 'a', payload: {}, delay: 3 * day })
    const later = at('eu').rows.reschedule(id, { delay: 3 * day + 1 })
    await expect(clock.runUntil(later)).rejects.toMatchObject(refused)
    await close()
  })

  it('that was put off for longer than a store remembers deletes brings nothing back where it was written', async () => {
    class Forgetful extends RegionStore {
      override remembersDeletesMs = () => 10 * minute
    }
    const { at, clock, write, close } = await open(() => new Forgetful(), '5m')
    const { id } = await write({ key: 'a', payload: { title: 'old' }, delay: 5 * minute })
    await clock.advance(5 * minute - 1000)
    await clock.runUntil(at('eu').rows.reschedule(id, { delay: 5 * minute }))
    await clock.advance(6 * minute)
    for (const name of names) {
      expect(at(name).store.came).toEqual([])
      expect(at(name).events.deadLettered).toMatchObject([
        { target: 'store', attempts: [{ code: 'ERR_TOO_LATE' }] },
      ])
    }
    await close()
  })
})
