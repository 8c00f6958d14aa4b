import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { rowNumbers } from '../../../../src/queue/file/schedule/run-format.ts'
import { sortRows } from '../../../../src/queue/file/schedule/sort-rows.ts'

const seed = Number(process.env['DAYBOOK_SEED'])

describe('sortRows', () => {
  it('puts rows in the order of their first number, then their second', () => {
    const row = fc.tuple(fc.integer({ min: 0, max: 9 }), fc.nat(1000), fc.nat())
    const property = fc.property(fc.array(row, { maxLength: 300 }), (rows) => {
      const sorted = sortRows(Float64Array.from(rows.flat()))
      const found = rows.map((_, at) => [
        ...sorted.subarray(at * rowNumbers, (at + 1) * rowNumbers),
      ])
      const first = (one: readonly number[]): number => one[0] ?? 0
      const second = (one: readonly number[]): number => one[1] ?? 0
      const isBefore = (a: readonly number[], b: readonly number[]): number =>
        first(a) - first(b) || second(a) - second(b)
      expect(found).toEqual(rows.toSorted(isBefore))
    })
    fc.assert(property, { seed })
  })
})
