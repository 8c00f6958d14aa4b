import { describe, expect, it } from 'vitest'
import { systemRandom } from '../../src/random.ts'
import { RecordIds } from '../../src/record-id.ts'
import type { TransactionHead } from '../../src/transaction/transaction-store.ts'
import { one, SharedPlace, two } from './support/process.ts'

/** Puts what a target has made of it. */
async function reach(
  { store }: SharedPlace,
  id: string,
  fields: Partial<TransactionHead>,
): Promise<void> {
  const head = await store.get(id)
  if (head === undefined) throw new Error('it has no head')
  await store.put({ ...head, ...fields, revision: head.revision + 1 })
}

const progress = { mutations: 1, applied: 0, attemptedAt: 0 }

describe('a transaction that is asked for again by its id', () => {
  it('is answered yes where it was sealed and partly applied before its dead letter was discarded', async () => {
    const place = new SharedPlace()
    const process = place.process()
    const { id } = await process.run(two, {})
    const applied = { ...progress, state: 'applied', applied: 1 } as const
    const discarded = { ...progress, state: 'discarded' } as const
    await reach(place, id, { state: 'discarded', targets: { base: applied, index: discarded } })
    const again = await place.process().run(two, { id })
    expect(again).toMatchObject({ id, durable: 'yes' })
    expect(place.queue).toHaveLength(1)
  })

  it('is answered no where its seal was taken back', async () => {
    const place = new SharedPlace()
    place.answer = () => ({ durable: 'no' })
    const own = { namesKeys: true, ownsStore: true }
    const { id, durable } = await place.process(own).run(one, {})
    expect(durable).toBe('no')
    expect(await place.process(own).run(one, { id })).toMatchObject({ durable: 'no' })
  })

  it('is answered unknown, and is not applied again, once it may have been applied and forgotten', async () => {
    const place = new SharedPlace()
    const process = place.process({ keepMs: 60_000 })
    const { id } = await process.run(one, {})
    await place.store.remove(id)
    await place.clock.advance(30_000)
    const again = await process.run(one, { id })
    expect(again).toMatchObject({ id, durable: 'unknown', error: { retryable: false } })
    expect(again.message).toContain('transactions.keep')
    expect(place.queue).toHaveLength(1)
    expect(await place.store.get(id)).toBeUndefined()
  })

  it('is sealed where nothing is known of it, and that would be if it had been applied', async () => {
    const place = new SharedPlace()
    const id = new RecordIds(systemRandom).next(place.clock.now())
    await place.clock.advance(29_000)
    const again = await place.process({ keepMs: 60_000 }).run(one, { id })
    expect(again).toMatchObject({ id, durable: 'yes' })
  })

  it('is answered unknown where it became too old to tell during its build', async () => {
    const place = new SharedPlace()
    const process = place.process({ keepMs: 60_000 })
    const id = new RecordIds(systemRandom).next(place.clock.now())
    const slow = async (tx: Parameters<typeof one>[0]): Promise<void> => {
      await one(tx)
      await place.clock.advance(40_000)
    }
    expect(await process.run(slow, { id })).toMatchObject({ durable: 'unknown' })
    expect(place.queue).toHaveLength(0)
    expect(await place.store.get(id)).toBeUndefined()
  })

  it('is sealed where its id tells no time', async () => {
    const process = new SharedPlace().process({ keepMs: 1_000 })
    const id = '01890000-0000-4000-8000-000000000001'
    expect(await process.run(one, { id })).toMatchObject({ id, durable: 'yes' })
  })

  it('is answered as another process leaves it where both began with no head, and it has several chunks', async () => {
    const place = new SharedPlace()
    const id = new RecordIds(systemRandom).next(place.clock.now())
    const { promise: later, resolve: goOn } = Promise.withResolvers<void>()
    const large = async (tx: Parameters<typeof one>[0]): Promise<void> => {
      for (let at = 0; at < 3; at++) {
        await tx.put('base', { key: `k${at}`, payload: new Uint8Array(200_000) })
      }
    }
    const { promise: bothBegan, resolve: begin } = Promise.withResolvers<void>()
    const first = place
      .process()
      .run((tx) => bothBegan.then(() => large(tx)).then(() => later), { id })
    const late = [large, (tx: Parameters<typeof one>[0]) => large(tx).catch(() => {})].map(
      (build) => place.process().run((tx) => place.clock.advance(1).then(() => build(tx)), { id }),
    )
    begin()
    await place.clock.advance(10)
    for (const call of late) expect(await call).toMatchObject({ id, durable: 'unknown' })
    goOn()
    expect(await first).toMatchObject({ id, durable: 'yes' })
    expect(place.queue).toHaveLength(1)
  })
})
