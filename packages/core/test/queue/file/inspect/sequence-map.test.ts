import fc from 'fast-check'
import { expect, it } from 'vitest'
import { noAttempts } from '../../../../src/consumer/consumer.ts'
import { CursorState } from '../../../../src/queue/file/cursor-state.ts'
import { SequenceMap } from '../../../../src/queue/file/inspect/sequence-map.ts'

const highest = 60
const sequences = fc.uniqueArray(fc.integer({ min: 1, max: highest }))

it('says of each copied record what the cursor said of it, and nothing of any other', () => {
  fc.assert(
    fc.property(sequences, sequences, sequences, sequences, (copied, done, tried, begun) => {
      const map = new SequenceMap()
      for (const sequence of copied.sort((a, b) => a - b)) map.add(sequence)
      const cursor = new CursorState()
      for (const sequence of done) cursor.acked([sequence, sequence])
      for (const sequence of tried) cursor.attempts(sequence, { ...noAttempts, spent: sequence })
      for (const sequence of begun) cursor.begun([sequence, sequence], 1000 + sequence)
      const copy = new CursorState()
      map.translate(cursor, copy)

      expect(map.count).toBe(copied.length)
      for (const [index, sequence] of copied.entries()) {
        const became = index + 1
        expect(copy.done.has(became)).toBe(cursor.done.has(sequence))
        expect(copy.tried.get(became)).toEqual(cursor.tried.get(sequence))
        expect(copy.underWay.get(became)).toBe(cursor.underWay.get(sequence))
      }
      expect(copy.done.highest).toBeLessThanOrEqual(copied.length)
      expect(copy.tried.size + copy.underWay.size).toBe(
        copied.filter((each) => cursor.tried.has(each)).length +
          copied.filter((each) => cursor.underWay.has(each)).length,
      )
    }),
  )
})
