import { Buffer } from 'node:buffer'

// What is stored begins with 34 characters of white space, which every reader of JSON passes over:
//
//   1   a space before a value, a tab before a tombstone, whose value is `null`
//   32  the version, two bits each: tab 0, newline 1, return 2, space 3; the highest first
//   1   a newline
//
// The version has to be in the value: the flags hold 32 bits, and the server's CAS number is its own.

const alphabet = '\t\n\r '
const prefixLength = 34

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

/** What is stored of a value, or, for undefined, of a key that was deleted. */
export function withVersion(version: bigint, value: string | Uint8Array | undefined) {
  const prefix = prefixOf(version, value === undefined ? '\t' : ' ')
  if (typeof value !== 'object') return `${prefix}${value ?? 'null'}`
  return Buffer.concat([Buffer.from(prefix, 'latin1'), value])
}

/**
 * Takes apart what a client read of a key: for readers of values that are not JSON, and for whoever
 * wants the version. A reader of JSON needs none of it: to it, what is before the value is white space.
 */
export function memcachedValue(held: string | Uint8Array): MemcachedValue {
  const prefix =
    typeof held === 'string'
      ? held.slice(0, prefixLength)
      : Buffer.from(held.subarray(0, prefixLength)).toString('latin1')
  const version = versionOf(prefix)
  if (version === undefined) return { version, value: held }
  if (prefix.startsWith('\t')) return { version, value: undefined }
  const value = typeof held === 'string' ? held.slice(prefixLength) : held.subarray(prefixLength)
  return { version, value }
}

function prefixOf(version: bigint, kind: string): string {
  const halves = [Number(version >> 32n), Number(version & 0xffff_ffffn)]
  let prefix = kind
  for (const half of halves) {
    for (const shift of [24, 16, 8, 0]) prefix += charactersOf[(half >> shift) & 0xff]
  }
  return `${prefix}\n`
}

function versionOf(prefix: string): bigint | undefined {
  if (!/^[\t ][\t\n\r ]{32}\n$/.test(prefix)) return undefined
  const bytes = Buffer.alloc(8)
  for (let at = 0; at < 8; at++) {
    bytes[at] = byteOf.get(prefix.slice(1 + at * 4, 5 + at * 4)) ?? 0
  }
  return bytes.readBigInt64BE()
}
