import { Buffer } from 'node:buffer'

// What is stored begins with 34 characters of white space, which every reader of JSON passes over:
//
//   1   a space before a value, a tab before a tombstone, whose value is `null`
//   32  the version, two bits each: tab 0, newline 1, return 2, space 3; the highest first
//   1   a newline
//
// Where patches were newer than the last put or delete, it begins with a return before a value, and a newline before
// a tombstone, and the versions of their fields follow, as JSON in white space: 16 characters for its length
// in bytes, and 4 for each of these.
//
// The last character of the 34 is a newline. Another white space there, or marks that are no object of JSON, is a form
// of a later release: it is left alone. So a later form keeps the first 33 as they are, and ends them in its own way.
//
// The version has to be in the value: the flags hold 32 bits, and the server's CAS number is its own.

const alphabet = '\t\n\r '
const prefixLength = 34
const lengthLength = 16

/** The four characters of each byte of a version. */
const charactersOf: readonly string[] = Array.from({ length: 256 }, (_, byte) =>
  [6, 4, 2, 0].map((shift) => alphabet.charAt((byte >> shift) & 3)).join(''),
)
const byteOf: ReadonlyMap<string, number> = new Map(charactersOf.map((four, byte) => [four, byte]))

/** What memcached holds for a key, taken apart. */
export interface MemcachedValue {
  /** Undefined where something else stored the value. */
  readonly version: bigint | undefined
  /** The value as it was put, or undefined for a key that was deleted. */
  readonly value: string | Uint8Array | undefined
}

/** The same, with what was kept of patches. */
export interface Envelope extends MemcachedValue {
  readonly marks: string | undefined
  /** True where a later release has stored it in a form that this one does not know. */
  readonly isLater?: true
}

/** What is stored of a value, or, for undefined, of a key that was deleted; and of patches, if they count still. */
export function withVersion(
  version: bigint,
  value: string | Uint8Array | undefined,
  marks?: string | undefined,
) {
  const prefix = prefixOf(version, value === undefined, marks)
  if (typeof value !== 'object') return `${prefix}${value ?? 'null'}`
  return Buffer.concat([Buffer.from(prefix, 'latin1'), value])
}

/**
 * Takes apart what a client read of a key: for readers of values that are not JSON, and for whoever
 * wants the version. A reader of JSON needs none of it: to it, what is before the value is white space.
 */
export function memcachedValue(held: string | Uint8Array): MemcachedValue {
  const { version, value } = envelopeOf(held)
  return { version, value }
}

/** Takes apart all that is held of a key. */
export function envelopeOf(held: string | Uint8Array): Envelope {
  const prefix = textIn(held, 0, prefixLength)
  const kind = prefix.charAt(0)
  const hasMarks = kind === '\r' || kind === '\n'
  const marks = hasMarks ? marksIn(held) : { text: undefined, length: 0 }
  const isWhite = /^[\t\n\r ]{34}$/.test(prefix)
  const isOurs = isWhite && prefix.endsWith('\n') && (!hasMarks || marks.text?.startsWith('{'))
  if (!isOurs && isWhite)
    return { version: undefined, value: held, marks: undefined, isLater: true }
  if (!isOurs) return { version: undefined, value: held, marks: undefined }
  const version = fromWhiteSpace(prefix.slice(1, 33)).readBigInt64BE()
  const isTombstone = kind === '\t' || kind === '\n'
  const value = isTombstone ? undefined : from(held, prefixLength + marks.length)
  return { version, value, marks: marks.text }
}

function marksIn(held: string | Uint8Array): { readonly text: string; readonly length: number } {
  const begin = prefixLength + lengthLength
  const length = fromWhiteSpace(textIn(held, prefixLength, begin))
  const bytes = length.byteLength === 4 ? length.readUInt32BE() : 0
  const text = fromWhiteSpace(textIn(held, begin, begin + bytes * 4)).toString('utf8')
  return { text, length: lengthLength + bytes * 4 }
}

function prefixOf(version: bigint, isTombstone: boolean, marks: string | undefined): string {
  const halves = [Number(version >> 32n), Number(version & 0xffff_ffffn)]
  let digits = ''
  for (const half of halves) {
    for (const shift of [24, 16, 8, 0]) digits += charactersOf[(half >> shift) & 0xff]
  }
  if (marks === undefined) return `${isTombstone ? '\t' : ' '}${digits}\n`
  const text = Buffer.from(marks, 'utf8')
  const length = Buffer.alloc(4)
  length.writeUInt32BE(text.length)
  const kind = isTombstone ? '\n' : '\r'
  return `${kind}${digits}\n${toWhiteSpace(length)}${toWhiteSpace(text)}`
}

function toWhiteSpace(bytes: Uint8Array): string {
  let text = ''
  for (const byte of bytes) text += charactersOf[byte]
  return text
}

function fromWhiteSpace(text: string): Buffer {
  const bytes = Buffer.alloc(text.length / 4)
  for (let at = 0; at < bytes.length; at++) {
    bytes[at] = byteOf.get(text.slice(at * 4, at * 4 + 4)) ?? 0
  }
  return bytes
}

function textIn(held: string | Uint8Array, begin: number, end: number): string {
  if (typeof held === 'string') return held.slice(begin, end)
  return Buffer.from(held.subarray(begin, end)).toString('latin1')
}

function from(held: string | Uint8Array, begin: number): string | Uint8Array {
  return typeof held === 'string' ? held.slice(begin) : held.subarray(begin)
}
