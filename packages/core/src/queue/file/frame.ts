import { crc32 } from 'node:zlib'
import { numbersIn } from './numbers-in.ts'

/**
 * A frame holds one body (a record, or the marker of a clean close) in a segment. Little-endian.
 *
 * ```
 *  0        4        8                 16            20       24
 *  ┌────────┬────────┬─────────────────┬─────────────┬────────┬──────────┬─────────┐
 *  │ crc    │ length │ sequence        │ syncedBytes │ mark   │ body …   │ 0–7 × 0 │
 *  └────────┴────────┴─────────────────┴─────────────┴────────┴──────────┴─────────┘
 * ```
 *
 * | field       | type | meaning |
 * |-------------|------|---------|
 * | crc         | u32  | CRC-32 of everything from `length` to the body's last byte, begun with the segment's salt |
 * | length      | u32  | bytes of the body, at least 1 |
 * | sequence    | u64  | the record's number in the log, counted from 1; a marker has its successor's |
 * | syncedBytes | u32  | the segment's bytes before this offset, and all earlier segments, had been synced when this frame was written |
 * | mark        | u32  | the segment's salt xor the low half of the sequence |
 *
 * Frames begin at multiples of 8 bytes. `syncedBytes` is what tells damage from a torn tail: a
 * valid frame whose `syncedBytes` lies beyond a bad one proves that the bad one was whole on disk
 * once. The salt is the segment's: it comes from one that is random, one per log, and never leaves the
 * disk. Bytes of another log, of an earlier life of the file, or of a payload made to look like
 * frames, do not pass. The mark makes a search for frames cheap.
 */
export const frameHeaderBytes = 24

/** What the CRC covers begins here. */
export const lengthAt = 4
const sequenceAt = 8
const syncedBytesAt = 16
const markAt = 20
const highHalf = 2 ** 32

/** What a frame carries besides its body. */
export interface FrameStamp {
  readonly sequence: number
  readonly syncedBytes: number
  readonly salt: number
}

/** Bytes a frame with a body of that many takes up in a segment, padding included. */
export function frameBytes(bodyBytes: number): number {
  return Math.ceil((frameHeaderBytes + bodyBytes) / 8) * 8
}

/** How many zeros follow a body of that many bytes, up to where the next frame may begin. */
export function paddingOf(bodyBytes: number): number {
  return frameBytes(bodyBytes) - frameHeaderBytes - bodyBytes
}

/**
 * Writes the header of the frame at `at`, whose body is already in its place behind it: `bodyBytes`
 * of it. The rest of the body, if any, is somewhere else.
 */
export function sealFrame(
  buffer: Buffer,
  at: number,
  bodyBytes: number,
  stamp: FrameStamp,
  rest?: Uint8Array,
): void {
  const numbers = numbersIn(buffer)
  const low = stamp.sequence >>> 0
  numbers.setUint32(at + lengthAt, bodyBytes + (rest?.byteLength ?? 0), true)
  numbers.setUint32(at + sequenceAt, low, true)
  numbers.setUint32(at + sequenceAt + 4, (stamp.sequence - low) / highHalf, true)
  numbers.setUint32(at + syncedBytesAt, stamp.syncedBytes, true)
  numbers.setUint32(at + markAt, stamp.salt ^ low, true)
  const crc = frameCrc(buffer, at, bodyBytes, stamp.salt)
  numbers.setUint32(at, rest === undefined ? crc : crc32(rest, crc), true)
}

/** True if the 24 bytes at `at` look like a header of this segment: to be asked before anything else. */
export function isFrameHeader(buffer: Buffer, at: number, salt: number): boolean {
  const numbers = numbersIn(buffer)
  return (
    (numbers.getUint32(at + markAt, true) ^ salt) >>> 0 ===
      numbers.getUint32(at + sequenceAt, true) && numbers.getUint32(at + lengthAt, true) > 0
  )
}

/** True if the whole frame at `at`, header and body in the buffer, is as it was written. */
export function isIntactFrame(buffer: Buffer, at: number, salt: number): boolean {
  return (
    numbersIn(buffer).getUint32(at, true) === frameCrc(buffer, at, bodyBytesOf(buffer, at), salt)
  )
}

export function bodyBytesOf(buffer: Buffer, at: number): number {
  return numbersIn(buffer).getUint32(at + lengthAt, true)
}

export function sequenceOf(buffer: Buffer, at: number): number {
  const numbers = numbersIn(buffer)
  const low = numbers.getUint32(at + sequenceAt, true)
  return low + numbers.getUint32(at + sequenceAt + 4, true) * highHalf
}

export function syncedBytesOf(buffer: Buffer, at: number): number {
  return numbersIn(buffer).getUint32(at + syncedBytesAt, true)
}

/** The salt that a frame's own mark gives: that of its segment, if the frame is intact. */
export function saltOf(buffer: Buffer, at: number): number {
  return (buffer.readUInt32LE(at + markAt) ^ buffer.readUInt32LE(at + sequenceAt)) >>> 0
}

function frameCrc(buffer: Buffer, at: number, bodyBytes: number, salt: number): number {
  // Not `subarray`: to make a Buffer takes twice as long, and every frame needs one.
  const start = buffer.byteOffset + at + lengthAt
  const checked = new Uint8Array(buffer.buffer, start, frameHeaderBytes - lengthAt + bodyBytes)
  return crc32(checked, salt)
}
