import { crc32 } from 'node:zlib'
import type { ReadableFile } from './file-system.ts'
import { bodyBytesOf, frameHeaderBytes, lengthAt } from './frame.ts'

/** Read and checked at a time: in between everybody else on the event loop gets a turn. */
const pieceBytes = 4 * 1024 * 1024

/**
 * Reads on a frame of which `head` holds the beginning, its header at least, and answers the whole
 * of it in a new buffer; undefined if the file ends before the frame does, or if it is not intact.
 */
export async function readWholeFrame(
  file: ReadableFile,
  offset: number,
  head: Buffer,
  salt: number,
): Promise<Buffer | undefined> {
  const frame = Buffer.allocUnsafeSlow(frameHeaderBytes + bodyBytesOf(head, 0))
  let filled = head.copy(frame)
  let crc = crc32(frame.subarray(lengthAt, filled), salt)
  while (filled < frame.length) {
    const piece = frame.subarray(filled, filled + pieceBytes)
    if ((await file.read(piece, offset + filled)) < piece.length) return undefined
    crc = crc32(piece, crc)
    filled += piece.length
  }
  return crc === frame.readUInt32LE(0) ? frame : undefined
}
