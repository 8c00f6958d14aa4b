import { crc32 } from 'node:zlib'
import { describe, expect, it } from 'vitest'
import {
  frameHeaderBytes,
  isFrameHeader,
  isIntactFrame,
  sealFrame,
} from '../../../src/queue/file/frame.ts'
import {
  encodeSegmentHeader,
  readSegmentHeader,
  type SegmentHeader,
  segmentHeaderBytes,
  segmentSalt,
} from '../../../src/queue/file/segment-header.ts'
import { segmentName, segmentNumber } from '../../../src/queue/file/segment-name.ts'
import { SeededRandom } from '../../../src/testing/seeded-random.ts'

const seed = Number(process.env['DAYBOOK_SEED'])

const header: SegmentHeader = {
  salt: 0xfedcba98,
  number: 12,
  baseSequence: 2 ** 52,
  position: 2 ** 51 + 1,
  previousNumber: 11,
  previousEnd: 2 ** 31 + 8,
  firstKept: 3,
  epoch: 400,
  highestVersion: 2n ** 63n - 1n,
  madeAt: 1_795_542_975_100,
  namespace: 'Filme & Bücher',
}

describe('a segment header', () => {
  it('comes back as it was', () => {
    const block = encodeSegmentHeader(header)
    expect(block).toHaveLength(segmentHeaderBytes)
    expect(readSegmentHeader(block)).toEqual({ state: 'whole', header })
  })

  it('is damaged, never foreign, wherever a power cut left it unfinished', () => {
    const block = encodeSegmentHeader(header)
    for (let written = 0; written < segmentHeaderBytes; written++) {
      const found = readSegmentHeader(block.subarray(0, written))
      const sparse = Buffer.alloc(segmentHeaderBytes)
      block.copy(sparse, written, written)
      expect([written, found.state]).toEqual([written, 'damaged'])
      if (written > 0) expect(readSegmentHeader(sparse).state).not.toBe('whole')
    }
  })

  it('of a later format version is told from damage', () => {
    const block = encodeSegmentHeader(header)
    block.writeUInt32LE(2, 8)
    expect(readSegmentHeader(block).state).toBe('damaged')
    block.writeUInt32LE(crc32(block.subarray(0, 4092)), 4092)
    expect(readSegmentHeader(block)).toEqual({ state: 'future', version: 2 })
  })

  it('is not seen in a file of something else', () => {
    expect(readSegmentHeader(Buffer.from('{"not":"a segment"}')).state).toBe('foreign')
  })
})

describe("a segment's salt", () => {
  it('keeps every frame of an earlier life of the file from passing, whatever its bytes', () => {
    const random = new SeededRandom(seed)
    for (let round = 0; round < 2000; round++) {
      const bytes = random.integer(1, 40)
      const frame = Buffer.from(random.fill(new Uint8Array(frameHeaderBytes + bytes)))
      const number = random.integer(1, 2 ** 40)
      const later = number + random.pick([1, 2, 3, 1 << random.integer(0, 30)])
      const [salt, next] = [number, later].map((each) =>
        segmentSalt({ salt: header.salt, number: each }),
      ) as [number, number]
      const sequence = random.integer(1, 2 ** 50)
      sealFrame(frame, 0, bytes, { sequence, syncedBytes: 4096, salt })
      expect(isFrameHeader(frame, 0, salt) && isIntactFrame(frame, 0, salt)).toBe(true)
      expect(isFrameHeader(frame, 0, next)).toBe(false)
      expect(isIntactFrame(frame, 0, next)).toBe(false)
    }
  })
})

describe('a segment name', () => {
  it('sorts like its number', () => {
    expect(segmentName(7)).toBe('000000000007.segment')
    expect(segmentName(10) > segmentName(9)).toBe(true)
  })

  it('is read back, and no other name is', () => {
    expect(segmentNumber(segmentName(1))).toBe(1)
    expect(segmentNumber(segmentName(10 ** 13))).toBe(10 ** 13)
    for (const name of [
      '7.segment',
      '000000000000.segment',
      'x000000000007.segment',
      '0000000000007.segment',
      '000000000007.segment.bak',
      'owner.json',
    ]) {
      expect([name, segmentNumber(name)]).toEqual([name, undefined])
    }
  })
})
