import { expect, it } from 'vitest'
import { SpareBuffers } from '../../../src/queue/file/spare-buffers.ts'

it('hands out what was given back, and to one taker at a time', () => {
  const buffers = new SpareBuffers({ byteLength: 8 })
  const first = buffers.take()
  expect(first).toHaveLength(8)
  expect(buffers.take()).not.toBe(first)
  buffers.give(first)
  expect(buffers.take()).toBe(first)
  expect(buffers.take()).not.toBe(first)
})

it('keeps a few, of two of the largest together at most, and none that is too small or has grown too large', () => {
  const buffers = new SpareBuffers({ byteLength: 8, largestBytes: 16 })
  const sizes = [4, 16, 17, 8, 8, 8, 8]
  const given: Buffer[] = sizes.map((size) => Buffer.alloc(size))
  for (const buffer of given) buffers.give(buffer)
  const taken = sizes.map(() => buffers.take())
  expect(taken.filter((buffer) => given.includes(buffer)).map(({ length }) => length)).toEqual([
    8, 8, 16,
  ])
})
