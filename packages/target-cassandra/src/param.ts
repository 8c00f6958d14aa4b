import type { Column } from './table-shape.ts'

const wholeNumbers: ReadonlySet<string> = new Set(['tinyint', 'smallint', 'int'])
const longs: ReadonlySet<string> = new Set(['bigint', 'counter', 'varint'])

/**
 * A payload's value as the driver takes it. 64-bit integers go as digits, which every setting of the
 * driver takes; a number that has lost digits already is refused. Bytes may be as JSON can have them: as
 * CQL writes them, or what JSON makes of a buffer. The rest is the driver's to check.
 */
export function paramOf({ name, type }: Column, value: unknown): unknown {
  if (value === undefined || value === null) return null
  if (type === 'blob') return bytesFrom(value)
  if (!longs.has(type)) return value
  if (typeof value === 'bigint') return value.toString()
  if (typeof value !== 'number') return value
  if (Number.isSafeInteger(value)) return String(value)
  throw new RangeError(`${name}: ${value} is no exact integer; give digits or a bigint`)
}

function bytesFrom(value: unknown): unknown {
  if (value instanceof Uint8Array) return Buffer.from(value)
  if (typeof value === 'string' && /^0x(?:[\da-f]{2})*$/i.test(value)) {
    return Buffer.from(value.slice(2), 'hex')
  }
  const isBuffer = isPlain(value) && value['type'] === 'Buffer' && Array.isArray(value['data'])
  return isBuffer ? Buffer.from(value['data'] as number[]) : value
}

/** A record's key as the value of the one key column: digits become a number where one is wanted. */
export function keyParam({ type }: Column, key: string): unknown {
  return wholeNumbers.has(type) && /^-?\d{1,10}$/.test(key) ? Number(key) : key
}

/** About what it takes on the wire and in a mutation, in bytes. */
export function bytesOf(value: unknown): number {
  if (typeof value === 'string') return Buffer.byteLength(value)
  if (ArrayBuffer.isView(value)) return value.byteLength
  if (value instanceof Map) return bytesOf([...value].flat())
  if (value instanceof Set) return bytesOf([...value])
  if (Array.isArray(value)) return value.reduce((sum, one) => sum + bytesOf(one) + 4, 0)
  if (isPlain(value)) return bytesOf(Object.entries(value).flat())
  return 16
}

/** Tells the values of a key apart. */
export function identityOf(value: unknown): string {
  if (ArrayBuffer.isView(value))
    return `b${Buffer.from(value.buffer, value.byteOffset, value.byteLength).toString('hex')}`
  if (isPlain(value) || Array.isArray(value)) return `j${JSON.stringify(value)}`
  return `${typeof value}:${String(value)}`
}

/** True for an object as JSON has them, and not one of the driver's types. */
export function isPlain(value: unknown): value is Readonly<Record<string, unknown>> {
  if (typeof value !== 'object' || value === null) return false
  const prototype = Object.getPrototypeOf(value)
  return prototype === Object.prototype || prototype === null
}
