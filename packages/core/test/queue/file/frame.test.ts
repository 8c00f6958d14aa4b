import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import {
  bodyBytesOf,
  frameBytes,
  frameHeaderBytes,
  isFrameHeader,
  isIntactFrame,
  paddingOf,
  sealFrame,
  sequenceOf,
  syncedBytesOf,
} from '../../../src/queue/file/frame.ts'

const seed = Number(process.env['DAYBOOK_SEED'])
const salt = 0x9e3779b9

function frameOf(body: Uint8Array, sequence: number, syncedBytes = 4096): Buffer {
  const buffer = Buffer.alloc(frameBytes(body.length))
  buffer.set(body, frameHeaderBytes)
  sealFrame(buffer, 0, body.length, { sequence, syncedBytes, salt })
  return buffer
}

describe('a frame', () => {
  it('carries its stamp, up to the largest sequence that a number can hold', () => {
    fc.assert(
      fc.property(
        fc.uint8Array({ minLength: 1 }),
        fc.integer({ min: 1, max: Number.MAX_SAFE_INTEGER }),
        fc.integer({ min: 0, max: 2 ** 32 - 1 }),
        (body, sequence, syncedBytes) => {
          const frame = frameOf(body, sequence, syncedBytes)
          expect(frame.length % 8).toBe(0)
          expect(isFrameHeader(frame, 0, salt)).toBe(true)
          expect(isIntactFrame(frame, 0, salt)).toBe(true)
          expect(sequenceOf(frame, 0)).toBe(sequence)
          expect(syncedBytesOf(frame, 0)).toBe(syncedBytes)
          expect(bodyBytesOf(frame, 0)).toBe(body.length)
        },
      ),
      { seed },
    )
  })

  it('is the same where a part of its body lies somewhere else', () => {
    const body = Buffer.from('the fields and the payload')
    const whole = frameOf(body, 77)
    const split = Buffer.alloc(frameHeaderBytes + 10)
    body.copy(split, frameHeaderBytes, 0, 10)
    const rest = body.subarray(10)
    sealFrame(split, 0, 10, { sequence: 77, syncedBytes: 4096, salt }, rest)
    expect(Buffer.concat([split, rest])).toEqual(whole.subarray(0, frameHeaderBytes + body.length))
    expect(paddingOf(body.length)).toBe(whole.length - frameHeaderBytes - body.length)
  })

  it('is not intact with any bit flipped, unless it does not look like a frame at all', () => {
    const body = Buffer.from('a body')
    const frame = frameOf(body, 77)
    for (let bit = 0; bit < (frameHeaderBytes + body.length) * 8; bit++) {
      const damaged = Buffer.concat([frame, Buffer.alloc(64)])
      damaged[bit >> 3] = (damaged[bit >> 3] ?? 0) ^ (1 << (bit & 7))
      const bytes = bodyBytesOf(damaged, 0)
      const looksWhole = isFrameHeader(damaged, 0, salt) && bytes < damaged.length
      expect(looksWhole && isIntactFrame(damaged, 0, salt)).toBe(false)
    }
  })

  it('of another log is none', () => {
    const frame = frameOf(Buffer.from('a body'), 77)
    expect(isFrameHeader(frame, 0, salt + 1)).toBe(false)
    expect(isIntactFrame(frame, 0, salt + 1)).toBe(false)
  })

  it('is not seen in zeros', () => {
    expect(isFrameHeader(Buffer.alloc(64), 0, salt)).toBe(false)
  })
})
