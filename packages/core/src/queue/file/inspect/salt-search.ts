import type { ReadableFile } from '../file-system.ts'
import {
  bodyBytesOf,
  frameHeaderBytes,
  isIntactFrame,
  saltOf,
  sequenceOf,
  syncedBytesOf,
} from '../frame.ts'
import { segmentHeaderBytes } from '../segment-header.ts'

const chunkBytes = 256 * 1024
const highestSequence = 2 ** 48

/**
 * The salt of a segment of a log of which no header can be read: from the first frame that is whole
 * by the salt its own mark gives. Undefined if there is none.
 */
export async function searchSalt(file: ReadableFile): Promise<number | undefined> {
  const size = await file.size()
  const chunk = Buffer.allocUnsafe(chunkBytes)
  let offset = segmentHeaderBytes
  while (offset + frameHeaderBytes < size) {
    const filled = await file.read(chunk, offset)
    if (filled < frameHeaderBytes) return undefined
    let at = 0
    for (; at + frameHeaderBytes <= filled; at += 8) {
      if (!canBeFrame(chunk, at, offset + at, size)) continue
      const salt = await saltOfFrame(file, offset + at, frameHeaderBytes + bodyBytesOf(chunk, at))
      if (salt !== undefined) return salt
    }
    offset += at
  }
  return undefined
}

/** True if the header says nothing that cannot be. Few places pass that hold anything else. */
function canBeFrame(chunk: Buffer, at: number, offset: number, size: number): boolean {
  const bodyBytes = bodyBytesOf(chunk, at)
  const syncedBytes = syncedBytesOf(chunk, at)
  const sequence = sequenceOf(chunk, at)
  return (
    bodyBytes > 0 &&
    offset + frameHeaderBytes + bodyBytes <= size &&
    syncedBytes >= segmentHeaderBytes &&
    syncedBytes <= offset &&
    syncedBytes % 8 === 0 &&
    sequence > 0 &&
    sequence < highestSequence
  )
}

async function saltOfFrame(
  file: ReadableFile,
  offset: number,
  bytes: number,
): Promise<number | undefined> {
  const frame = Buffer.allocUnsafe(bytes)
  if ((await file.read(frame, offset)) < bytes) return undefined
  const salt = saltOf(frame, 0)
  return isIntactFrame(frame, 0, salt) ? salt : undefined
}
