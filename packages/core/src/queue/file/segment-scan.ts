import type { ReadableFile } from './file-system.ts'
import {
  bodyBytesOf,
  frameHeaderBytes,
  isFrameHeader,
  isIntactFrame,
  sequenceOf,
  syncedBytesOf,
} from './frame.ts'
import { FrameWalker } from './frame-walker.ts'
import { recordKind, recordVersion, recordWrittenAt } from './record-format.ts'
import { type SegmentHeader, segmentHeaderBytes, segmentSalt } from './segment-header.ts'

/** A frame that a search came upon. */
export interface FoundFrame {
  readonly offset: number
  readonly sequence: number
  readonly syncedBytes: number
}

/** What a segment holds, found by reading it from its first frame on. */
export interface SegmentScan {
  /** Where valid data ends: at the file's end, or at the first thing that is no frame. */
  readonly end: number
  /** The sequence that comes next. */
  readonly nextSequence: number
  /** 0n if there is no record. */
  readonly highestVersion: bigint
  /** The latest `writtenAt`; 0 if there is no record. */
  readonly latestAt: number
  /** Where the last group begins. It alone may not be on disk though it can be read; 0: nothing may. */
  readonly lastGroupAt: number
  /** True if the last frame is the marker of a clean close. */
  readonly marked: boolean
}

/** Reads the segment's frames up to `size`, the end of the file. */
export async function scanSegment(
  file: ReadableFile,
  header: SegmentHeader,
  size: number,
): Promise<SegmentScan> {
  const from = { offset: segmentHeaderBytes, sequence: header.baseSequence }
  const walker = new FrameWalker(file, segmentSalt(header), from)
  let highestVersion = 0n
  let latestAt = 0
  let lastGroupAt = 0
  let marked = false
  while (walker.check(size) ?? (await walker.load(size))) {
    lastGroupAt = walker.syncedBytes
    marked = walker.isMarker
    if (walker.buffer[walker.bodyStart] === recordKind) {
      const version = recordVersion(walker.buffer, walker.bodyStart)
      if (version > highestVersion) highestVersion = version
      latestAt = Math.max(latestAt, recordWrittenAt(walker.buffer, walker.bodyStart))
    }
    walker.advance()
  }
  walker.rest()
  const { offset: end, sequence: nextSequence } = walker
  return { end, nextSequence, highestVersion, latestAt, lastGroupAt, marked }
}

/** What lies behind the end of a segment's valid data. */
export interface TailFinding {
  /** The first frame that passed the test given. */
  readonly frame: FoundFrame | undefined
  /** True if there is nothing but zeros. */
  readonly isZero: boolean
}

const chunkBytes = 256 * 1024
const zeros = Buffer.alloc(chunkBytes)

/** Looks at every place from `from` to `size`, the end of the file, where a frame may begin. */
export async function searchTail(
  file: ReadableFile,
  salt: number,
  from: number,
  size: number,
  accept: (frame: FoundFrame) => boolean,
): Promise<TailFinding> {
  const chunk = Buffer.allocUnsafe(Math.max(0, Math.min(chunkBytes, size - from)))
  let isZero = true
  let offset = from
  while (offset < size) {
    const filled = await file.read(chunk.subarray(0, size - offset), offset)
    if (filled === 0) break
    const bytes = chunk.subarray(0, filled)
    if (!bytes.equals(zeros.subarray(0, filled))) {
      isZero = false
      for (let at = 0; at + frameHeaderBytes <= filled; at += 8) {
        if (!isFrameHeader(bytes, at, salt)) continue
        const frame = await intactFrame(file, salt, offset + at, size)
        if (frame && accept(frame)) return { frame, isZero }
      }
    }
    // A header may straddle two chunks: the next one begins with the first place not looked at.
    offset += offset + filled < size ? Math.max(8, filled - (filled % 8) - 16) : filled
  }
  return { frame: undefined, isZero }
}

async function intactFrame(
  file: ReadableFile,
  salt: number,
  offset: number,
  size: number,
): Promise<FoundFrame | undefined> {
  const header = Buffer.alloc(frameHeaderBytes)
  await file.read(header, offset)
  const bytes = frameHeaderBytes + bodyBytesOf(header, 0)
  if (offset + bytes > size) return undefined
  const frame = Buffer.allocUnsafe(bytes)
  if ((await file.read(frame, offset)) < bytes || !isIntactFrame(frame, 0, salt)) return undefined
  return { offset, sequence: sequenceOf(frame, 0), syncedBytes: syncedBytesOf(frame, 0) }
}
