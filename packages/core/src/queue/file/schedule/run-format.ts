import { crc32 } from 'node:zlib'
import { isWalError, WalError } from '../../../errors.ts'

/**
 * A run: a file of records that wait, never changed once it is complete. The same records twice, in
 * two tables: by due time and by the hash of their id. A *row* is three 64-bit floats:
 *
 *   by time   due at         sequence   address
 *   by id     hash of the id  sequence   address
 *
 * and rows are in the order of the first, then the second. A block holds 341 of them; in the last
 * one of a table zeros follow. Behind the blocks comes the index: the first two numbers of each
 * block, and a checksum.
 *
 *   header, 4096 │ blocks by time, 8192 each │ blocks by id, 8192 each │ index
 *
 * Of a block: 8,184 bytes of rows, 4 zeros, and the CRC of what is before, begun with the salt plus
 * the block's number in the file. Little-endian. docs/file-format.md has the tables.
 */
export interface RunHeader {
  readonly number: number
  /** Random; the cursor names the run by its number and this. */
  readonly salt: number
  readonly rowsByTime: number
  readonly rowsById: number
}

/** Three numbers each: first, sequence, address. */
export type Rows = Float64Array

export const rowNumbers = 3
const rowBytes = rowNumbers * 8
export const runHeaderBytes = 4096
export const blockBytes = 8192
export const rowsPerBlock = 341

const formatVersion = 1
const magic = Buffer.from('DAYBOOKS', 'latin1')
const headerCrcAt = 60
const blockCrcAt = blockBytes - 4
const indexEntryBytes = 16

export function blocksOf(rows: number): number {
  return Math.ceil(rows / rowsPerBlock)
}

export function encodeRunHeader({ number, salt, rowsByTime, rowsById }: RunHeader): Buffer {
  const header = Buffer.alloc(runHeaderBytes)
  magic.copy(header)
  header.writeUInt32LE(formatVersion, 8)
  header.writeUInt32LE(salt, 12)
  header.writeBigUInt64LE(BigInt(number), 16)
  header.writeBigUInt64LE(BigInt(rowsByTime), 24)
  header.writeBigUInt64LE(BigInt(rowsById), 32)
  header.writeUInt32LE(crc32(header.subarray(0, headerCrcAt)), headerCrcAt)
  return header
}

/** Throws `ERR_FUTURE_FORMAT` for a later version, `ERR_CORRUPT_LOG` for what is no header. */
export function decodeRunHeader(header: Buffer, path: string): RunHeader {
  const isWhole =
    header.byteLength >= headerCrcAt + 4 &&
    magic.equals(header.subarray(0, magic.length)) &&
    header.readUInt32LE(headerCrcAt) === crc32(header.subarray(0, headerCrcAt))
  if (!isWhole) throw damagedRun(path, 'its header is damaged')
  const version = header.readUInt32LE(8)
  if (version > formatVersion) {
    throw new WalError(
      'ERR_FUTURE_FORMAT',
      `${path} has format version ${version}, this library reads up to ${formatVersion}. ` +
        'Nothing was changed. Use the version that wrote it, or a later one.',
    )
  }
  return {
    salt: header.readUInt32LE(12),
    number: Number(header.readBigUInt64LE(16)),
    rowsByTime: Number(header.readBigUInt64LE(24)),
    rowsById: Number(header.readBigUInt64LE(32)),
  }
}

/** Puts a row into a block. */
export function writeRow(block: DataView, row: number, rows: Rows, from: number): void {
  const at = row * rowBytes
  block.setFloat64(at, rows[from] as number, true)
  block.setFloat64(at + 8, rows[from + 1] as number, true)
  block.setFloat64(at + 16, rows[from + 2] as number, true)
}

/** Writes a block's checksum; the bytes are those of the block. */
export function sealBlock(bytes: Buffer, salt: number, number: number): void {
  bytes.writeUInt32LE(crcOfBlock(bytes, salt, number), blockCrcAt)
}

/** The rows of blocks that were read in one go; undefined if one of them is damaged. */
export function rowsOfBlocks(
  bytes: Buffer,
  rows: number,
  { salt, block }: { readonly salt: number; readonly block: number },
): Rows | undefined {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  const found = new Float64Array(rows * rowNumbers)
  let filled = 0
  for (let at = 0; at < bytes.byteLength; at += blockBytes) {
    const one = bytes.subarray(at, at + blockBytes)
    const number = block + at / blockBytes
    if (one.readUInt32LE(blockCrcAt) !== crcOfBlock(one, salt, number)) return undefined
    const end = Math.min(found.length, filled + rowsPerBlock * rowNumbers)
    for (let offset = at; filled < end; filled++, offset += 8) {
      found[filled] = view.getFloat64(offset, true)
    }
  }
  return found
}

/** The index of a run: `numbers` are the first two of each block, by time and then by id. */
export function encodeIndex(numbers: readonly number[], salt: number): Buffer {
  const bytes = Buffer.alloc(numbers.length * 8 + 8)
  for (const [at, number] of numbers.entries()) bytes.writeDoubleLE(number, at * 8)
  const crcAt = bytes.byteLength - 8
  bytes.writeUInt32LE(crc32(bytes.subarray(0, crcAt), salt), crcAt)
  return bytes
}

export function indexBytes(blocks: number): number {
  return blocks * indexEntryBytes + 8
}

/** The numbers of an index; undefined if it is damaged. */
export function decodeIndex(bytes: Buffer, salt: number): Float64Array | undefined {
  const crcAt = bytes.byteLength - 8
  if (bytes.readUInt32LE(crcAt) !== crc32(bytes.subarray(0, crcAt), salt)) return undefined
  const numbers = new Float64Array(crcAt / 8)
  for (let at = 0; at < numbers.length; at++) numbers[at] = bytes.readDoubleLE(at * 8)
  return numbers
}

export function damagedRun(path: string, what: string): WalError {
  return new WalError('ERR_CORRUPT_LOG', `${path}, a part of a schedule, cannot be used: ${what}.`)
}

/** A run is missing or damaged. It is only an index, so that nothing is lost. */
export function isDamage(error: unknown): error is WalError {
  return isWalError(error) && error.code === 'ERR_CORRUPT_LOG'
}

function crcOfBlock(bytes: Buffer, salt: number, number: number): number {
  return crc32(bytes.subarray(0, blockCrcAt), (salt + number) >>> 0)
}
