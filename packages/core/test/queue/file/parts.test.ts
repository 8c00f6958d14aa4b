import fc from 'fast-check'
import { expect, it } from 'vitest'
import { byteLengthOf, sliceParts } from '../../../src/queue/file/parts.ts'

it('counts and cuts bytes in parts as if they were in one piece', () => {
  const parts = fc.array(fc.uint8Array({ maxLength: 9 }), { maxLength: 6 })
  const cut = fc.nat({ max: 60 })
  fc.assert(
    fc.property(parts, cut, cut, (several, from, to) => {
      const whole = Buffer.concat(several)
      expect(byteLengthOf(several)).toBe(whole.length)
      expect(byteLengthOf(whole)).toBe(whole.length)
      const slice = sliceParts(several, from, to)
      expect(slice.every((part) => part.byteLength > 0)).toBe(true)
      expect(Buffer.concat(slice)).toEqual(whole.subarray(from, Math.max(from, to)))
      expect(Buffer.concat(sliceParts(whole, from))).toEqual(whole.subarray(from))
    }),
    { seed: Number(process.env['DAYBOOK_SEED']) },
  )
})
