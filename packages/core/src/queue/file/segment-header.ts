import { crc32 } from 'node:zlib'

/**
 * The first 4 KiB of a segment. It is synced, and so is the directory, before a frame follows.
 * Little-endian; what is not named is zero.
 *
 * | at   | type    | field |
 * |------|---------|-------|
 * | 0    | 8 bytes | `daybook` and a zero |
 * | 8    | u32     | format version, 1 |
 * | 12   | u32     | salt of the log, never 0; see `segmentSalt` |
 * | 16   | u64     | number of this segment |
 * | 24   | u64     | base sequence: that of its first record |
 * | 32   | u64     | position: how many bytes the segments before it hold, each up to its end |
 * | 40   | u64     | number of the segment before it; 0 in the first one |
 * | 48   | u64     | end of the segment before it: nothing from there on belongs to the log |
 * | 56   | u64     | first kept: segments with lower numbers may have been removed |
 * | 64   | u64     | epoch of the owner that made it |
 * | 72   | u64     | highest version in the segments before it |
 * | 80   | f64     | when it was made, in ms since the Unix epoch |
 * | 88   | u32     | bytes of the namespace's name |
 * | 92   | UTF-8   | the namespace's name |
 * | 4092 | u32     | CRC-32 of all bytes before it |
 *
 * Every format version keeps the magic, the version and the CRC where they are.
 */
export interface SegmentHeader {
  readonly salt: number
  readonly number: number
  readonly baseSequence: number
  readonly position: number
  readonly previousNumber: number
  readonly previousEnd: number
  readonly firstKept: number
  readonly epoch: number
  readonly highestVersion: bigint
  readonly madeAt: number
  readonly namespace: string
}

export const segmentHeaderBytes = 4096

/**
 * The salt of a segment's frames: another one for each segment of a log. A file may have been an
 * earlier segment and hold frames of that life behind the end of its data, with sequences that were
 * void and given again, even. Not one of them passes here: where only the salt differs, CRCs do.
 */
export function segmentSalt({ salt, number }: Pick<SegmentHeader, 'salt' | 'number'>): number {
  return (salt ^ number) >>> 0
}

const formatVersion = 1
const magic = Buffer.from('daybook\0', 'latin1')
const namespaceAt = 92
const crcAt = segmentHeaderBytes - 4
/** Longest name of a namespace that a header has room for, in bytes of UTF-8. */
export const longestNamespaceBytes = crcAt - namespaceAt

export function encodeSegmentHeader(header: SegmentHeader): Buffer {
  const block = Buffer.alloc(segmentHeaderBytes)
  magic.copy(block)
  block.writeUInt32LE(formatVersion, 8)
  block.writeUInt32LE(header.salt, 12)
  const numbers = [
    header.number,
    header.baseSequence,
    header.position,
    header.previousNumber,
    header.previousEnd,
    header.firstKept,
    header.epoch,
    header.highestVersion,
  ]
  for (const [index, value] of numbers.entries()) {
    block.writeBigUInt64LE(BigInt(value), 16 + index * 8)
  }
  block.writeDoubleLE(header.madeAt, 80)
  const name = Buffer.from(header.namespace)
  block.writeUInt32LE(name.length, 88)
  name.copy(block, namespaceAt)
  block.writeUInt32LE(crc32(block.subarray(0, crcAt)), crcAt)
  return block
}

/**
 * What the first bytes of a segment's file are.
 *
 * - `'whole'`: a header, as it was written.
 * - `'damaged'`: parts of a header, or nothing but zeros: never finished, or damaged later.
 * - `'future'`: from a later format version.
 * - `'foreign'`: no file of ours.
 */
export type HeaderFinding =
  | { readonly state: 'whole'; readonly header: SegmentHeader }
  | { readonly state: 'damaged'; readonly salt: number }
  | { readonly state: 'future'; readonly version: number }
  | { readonly state: 'foreign' }

/** Looks at the file's first bytes, at most 4 KiB; fewer where the file is shorter. */
export function readSegmentHeader(bytes: Buffer): HeaderFinding {
  const block = Buffer.alloc(segmentHeaderBytes)
  bytes.copy(block)
  const isOurs = block.subarray(0, magic.length).equals(magic)
  const version = block.readUInt32LE(8)
  const intact = block.readUInt32LE(crcAt) === crc32(block.subarray(0, crcAt))
  if (isOurs && intact && version > formatVersion) return { state: 'future', version }
  if (isOurs && intact && version === formatVersion) {
    return { state: 'whole', header: decodeSegmentHeader(block) }
  }
  // What never reached the disk of a new file is found as zeros.
  const isUnfinished = magic.every((byte, at) => block[at] === byte || block[at] === 0)
  if (isUnfinished) return { state: 'damaged', salt: block.readUInt32LE(12) }
  return { state: 'foreign' }
}

function decodeSegmentHeader(block: Buffer): SegmentHeader {
  const number = (at: number): number => Number(block.readBigUInt64LE(at))
  return {
    salt: block.readUInt32LE(12),
    number: number(16),
    baseSequence: number(24),
    position: number(32),
    previousNumber: number(40),
    previousEnd: number(48),
    firstKept: number(56),
    epoch: number(64),
    highestVersion: block.readBigUInt64LE(72),
    madeAt: block.readDoubleLE(80),
    namespace: block.toString('utf8', namespaceAt, namespaceAt + block.readUInt32LE(88)),
  }
}
