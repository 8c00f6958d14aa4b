import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { DelayedHeap, type DelayedItem } from '../../../src/queue/file/delayed-heap.ts'

const seed = Number(process.env['DAYBOOK_SEED'])

function drain(heap: DelayedHeap): DelayedItem[] {
  const items: DelayedItem[] = []
  for (let item = heap.pop(); item; item = heap.pop()) items.push(item)
  return items
}

describe('DelayedHeap', () => {
  it('gives items in the order of their times, and of their sequences at one time', () => {
    const times = fc.array(fc.integer({ min: 0, max: 20 }), { maxLength: 300 })
    const property = fc.property(times, (list) => {
      const heap = new DelayedHeap()
      const items = list.map((at, order) => ({ at, order, address: order * 7, hash: order * 3 }))
      for (const item of items) heap.push(item)
      expect(heap.size).toBe(items.length)
      expect(heap.count((at) => at < 10)).toBe(items.filter(({ at }) => at < 10).length)
      expect([...heap.items()].toSorted((a, b) => a.order - b.order)).toEqual(items)
      expect(drain(heap)).toEqual(items.toSorted((a, b) => a.at - b.at || a.order - b.order))
    })
    fc.assert(property, { seed })
  })

  it('is equal to a sorted list under pushes and pops in any mixture', () => {
    const steps = fc.array(fc.option(fc.integer({ min: 0, max: 50 })), { maxLength: 400 })
    const property = fc.property(steps, (list) => {
      const heap = new DelayedHeap()
      const model: DelayedItem[] = []
      for (const [order, at] of list.entries()) {
        if (at === null) expect(heap.pop()).toEqual(model.shift())
        else {
          heap.push({ at, order, address: -order, hash: at })
          model.push({ at, order, address: -order, hash: at })
          model.sort((a, b) => a.at - b.at || a.order - b.order)
        }
        expect(heap.nextAt).toBe(model[0]?.at ?? Number.POSITIVE_INFINITY)
      }
    })
    fc.assert(property, { seed })
  })

  it('keeps and gives back a hundred thousand, growing and shrinking', () => {
    const heap = new DelayedHeap()
    for (let order = 0; order < 100_000; order++) {
      heap.push({ at: (order * 7919) % 100_003, order, address: order, hash: 0 })
    }
    let last = -1
    for (let count = 0; count < 100_000; count++) {
      const item = heap.pop()
      expect(item?.at).toBeGreaterThan(last)
      last = item?.at ?? Number.NaN
    }
    expect(heap.pop()).toBeUndefined()
  })
})
