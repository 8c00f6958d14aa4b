import { expect, it } from 'vitest'
import { numbersIn } from '../../../src/queue/file/numbers-in.ts'

it('numbers are those of the buffer that is asked for, whichever was asked for before', () => {
  const whole = Buffer.alloc(64)
  const parts = [whole.subarray(0, 16), whole.subarray(16, 32), Buffer.alloc(10 * 1024 * 1024)]
  for (const [index, part] of parts.entries()) numbersIn(part).setUint32(4, index + 1, true)
  for (let round = 0; round < 2; round++) {
    expect(parts.map((part) => numbersIn(part).getUint32(4, true))).toEqual([1, 2, 3])
  }
  expect(parts.map((part) => part.readUInt32LE(4))).toEqual([1, 2, 3])
  expect(whole.readUInt32LE(20)).toBe(2)
})
