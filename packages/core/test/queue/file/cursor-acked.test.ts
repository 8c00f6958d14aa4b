import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { AckedSequences, type SequenceRange } from '../../../src/queue/file/cursor-acked.ts'

const seed = Number(process.env['DAYBOOK_SEED'])

/** What it must be equal to: a plain set. */
class Model {
  readonly sequences = new Set<number>()

  get through(): number {
    let through = 0
    while (this.sequences.has(through + 1)) through++
    return through
  }

  countMissing(upTo: number): number {
    let missing = 0
    for (let sequence = 1; sequence <= upTo; sequence++) {
      if (!this.sequences.has(sequence)) missing++
    }
    return missing
  }

  nextMissing(from: number): number {
    let sequence = from
    while (this.sequences.has(sequence)) sequence++
    return sequence
  }

  ranges(): SequenceRange[] {
    const ranges: [number, number][] = []
    for (const sequence of [...this.sequences].sort((a, b) => a - b)) {
      const last = ranges.at(-1)
      if (last && last[1] === sequence - 1) last[1] = sequence
      else ranges.push([sequence, sequence])
    }
    return ranges
  }
}

/** Places near the edges of chunks, and scattered ones. */
const sequence = fc.oneof(
  fc.integer({ min: 1, max: 40 }),
  fc.integer({ min: 4085, max: 4110 }),
  fc.integer({ min: 8185, max: 8200 }),
  fc.integer({ min: 1, max: 13_000 }),
)
const step = fc.oneof(
  { weight: 3, arbitrary: sequence.map((at) => [at, at] as const) },
  {
    weight: 1,
    arbitrary: fc
      .tuple(sequence, fc.integer({ min: 0, max: 9000 }))
      .map(([at, length]) => [at, at + length] as const),
  },
)

describe('AckedSequences', () => {
  it('is equal to a plain set after any additions', () => {
    const property = fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
      const acked = new AckedSequences()
      const model = new Model()
      for (const [from, to] of steps) {
        if (from === to) expect(acked.add(from)).toBe(!model.sequences.has(from))
        else acked.addRange([from, to])
        for (let each = from; each <= to; each++) model.sequences.add(each)
        expect(acked.through).toBe(model.through)
        expect(acked.has(to + 1)).toBe(model.sequences.has(to + 1))
        expect(acked.nextMissing(from)).toBe(model.nextMissing(from))
      }
      expect(acked.highest).toBe(Math.max(0, ...model.sequences))
      expect([...acked.ranges()]).toEqual(model.ranges())
      for (const upTo of [0, 5, 4095, 4096, 4100, 8191, 12_000, 30_000]) {
        expect(acked.countMissing(upTo), `missing up to ${upTo}`).toBe(model.countMissing(upTo))
      }
    })
    fc.assert(property, { seed, numRuns: 150 })
  })

  it('takes a range that closes up with one that is in, and ends behind it', () => {
    for (const end of [4096, 20_000]) {
      const acked = new AckedSequences()
      acked.addRange([2, end])
      acked.addRange([1, 20_191])
      expect(acked.through).toBe(20_191)
      expect(acked.countMissing(20_200)).toBe(9)
    }
  })

  it('has everything again once made from its ranges', () => {
    const property = fc.property(fc.array(step, { maxLength: 40 }), (steps) => {
      const acked = new AckedSequences()
      for (const range of steps) acked.addRange(range)
      const again = new AckedSequences()
      for (const range of acked.ranges()) again.addRange(range)
      expect([...again.ranges()]).toEqual([...acked.ranges()])
      expect(again.through).toBe(acked.through)
    })
    fc.assert(property, { seed, numRuns: 100 })
  })

  it('stays small under one hole below twenty million', () => {
    const acked = new AckedSequences()
    const before = process.memoryUsage().heapUsed + process.memoryUsage().arrayBuffers
    acked.addRange([2, 20_000_000])
    const grown = process.memoryUsage().heapUsed + process.memoryUsage().arrayBuffers - before
    expect(grown).toBeLessThan(16 * 2 ** 20)
    expect(acked.countMissing(20_000_001)).toBe(2)
    expect([...acked.ranges()]).toEqual([[2, 20_000_000]])
    acked.add(1)
    expect(acked.through).toBe(20_000_000)
    expect([...acked.ranges()]).toEqual([[1, 20_000_000]])
  })
})
