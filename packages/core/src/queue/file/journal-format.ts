import { crc32 } from 'node:zlib'
import { WalError } from '../../errors.ts'
import type { ReadableFile } from './file-system.ts'

/**
 * A journal file: a header, then entries up to the end of the file. All integers little-endian.
 *
 *   header, 32 bytes            entry, from a multiple of 8
 *    0  'DAYBOOKJ'               0  u32  CRC-32 of all that follows, up to the body's end
 *    8  u32  format version      4  u32  bytes of the body
 *   12  4 ASCII  kind            8  u32  number: counts the file's entries from 0
 *   16  u32  salt               12  u32  lasting: entries with a lower number were synced before
 *   20  8 zero bytes                     this one was written
 *   28  u32  CRC-32 of 0 to 27  16  body, then zeros up to the next multiple of 8
 *
 * An entry's CRC starts from the file's salt, so that no other file's bytes pass for one of ours.
 * An entry with an empty body says nothing but "all before this was synced": it is written when
 * the journal is closed, so that damage to what was written last can be told from a torn write.
 * The first 32 bytes keep their shape in every later format version.
 */
export const headerBytes = 32
export const entryHeaderBytes = 16
const formatVersion = 1

const magic = Buffer.from('DAYBOOKJ', 'latin1')

/** What a journal is for: the four characters in its header. */
export type JournalKind = 'curs' | 'dead' | 'tran'

export function encodeHeader(kind: JournalKind, salt: number): Buffer {
  const header = Buffer.alloc(headerBytes)
  magic.copy(header)
  header.writeUInt32LE(formatVersion, 8)
  header.write(kind, 12, 'latin1')
  header.writeUInt32LE(salt, 16)
  header.writeUInt32LE(crc32(header.subarray(0, 28)), 28)
  return header
}

/** Answers the salt. Throws `ERR_NOT_A_LOG`, `ERR_CORRUPT_LOG` or `ERR_FUTURE_FORMAT`. */
export async function readHeader(
  file: ReadableFile,
  kind: JournalKind,
  path: string,
): Promise<number> {
  const header = Buffer.alloc(headerBytes)
  const bytes = await file.read(header, 0)
  if (bytes < headerBytes || !header.subarray(0, 8).equals(magic)) {
    throw new WalError(
      'ERR_NOT_A_LOG',
      `${path} is not a journal of this library. Move it away, or choose another directory.`,
    )
  }
  if (crc32(header.subarray(0, 28)) !== header.readUInt32LE(28)) {
    throw new WalError('ERR_CORRUPT_LOG', `The header of ${path} is damaged.`)
  }
  const version = header.readUInt32LE(8)
  if (version > formatVersion) {
    throw new WalError(
      'ERR_FUTURE_FORMAT',
      `${path} has format version ${version}; this release reads up to ${formatVersion}. ` +
        'Open it with the release that wrote it, or a later one.',
    )
  }
  const found = header.toString('latin1', 12, 16)
  if (found !== kind) {
    throw new WalError('ERR_NOT_A_LOG', `${path} is a journal of kind "${found}", not "${kind}".`)
  }
  return header.readUInt32LE(16)
}

/** The salt in a header that may be damaged elsewhere; 0 if the file is too short to have one. */
export async function saltOfHeader(file: ReadableFile): Promise<number> {
  const header = Buffer.alloc(headerBytes)
  await file.read(header, 0)
  return header.readUInt32LE(16)
}

/** Bytes an entry takes in the file. */
export function entryBytes(bodyBytes: number): number {
  return entryHeaderBytes + Math.ceil(bodyBytes / 8) * 8
}

/** Writes the entry into `into` at `at`, whose bytes there are zero; answers where it ends. */
export function encodeEntry(
  into: Buffer,
  at: number,
  entry: { readonly body: Uint8Array; readonly number: number; readonly lasting: number },
  salt: number,
): number {
  const { body, number, lasting } = entry
  into.writeUInt32LE(body.byteLength, at + 4)
  into.writeUInt32LE(number, at + 8)
  into.writeUInt32LE(lasting, at + 12)
  into.set(body, at + entryHeaderBytes)
  const end = at + entryHeaderBytes + body.byteLength
  into.writeUInt32LE(crc32(into.subarray(at + 4, end), salt), at)
  return at + entryBytes(body.byteLength)
}

/** True if the bytes are one whole entry: its CRC is right. */
export function isEntry(entry: Buffer, salt: number): boolean {
  return entry.readUInt32LE(0) === crc32(entry.subarray(4), salt)
}
