import { describe, expect, it } from 'vitest'
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
})
