import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { Heap } from '../src/heap.ts'

const seed = Number(process.env['DAYBOOK_SEED'])

describe('Heap', () => {
  it('gives its items in order, whatever the order of pushes and pops', () => {
    const steps = fc.array(fc.oneof(fc.integer({ min: 0, max: 20 }), fc.constant('pop' as const)))
    fc.assert(
      fc.property(steps, (all) => {
        const heap = new Heap<number>((a, b) => a < b)
        const model: number[] = []
        for (const step of all) {
          if (step === 'pop') {
            expect(heap.peek()).toBe(model[0])
            expect(heap.pop()).toBe(model.shift())
          } else {
            heap.push(step)
            model.push(step)
            model.sort((a, b) => a - b)
          }
          expect(heap.size).toBe(model.length)
        }
      }),
      { seed },
    )
  })

  it('has nothing to give when it is empty', () => {
    const heap = new Heap<number>((a, b) => a < b)
    expect([heap.peek(), heap.pop(), heap.size]).toEqual([undefined, undefined, 0])
  })
})
