import { Buffer } from 'node:buffer'
import {
  changeRow,
  markedRow,
  type NoChange,
  newestOf,
  permanent,
  rowMarks,
  type WalRecord,
} from '@daybook/core'
import { type Envelope, withVersion } from './memcached-envelope.ts'
import { longestTtlMs, type MemcachedSettings } from './memcached-options.ts'

/** What memcached adds to key and value, and a little more, in bytes. */
const overheadBytes = 64

/** What becomes of an item by a record. */
export interface NewItem {
  readonly value: string | Uint8Array
  readonly ttlSeconds: number
}

/** A value of a record before it is stored, or undefined where the key is deleted by it. */
export type NewValue = string | Uint8Array | undefined

/** What a put stores; undefined for all that deletes. Throws the outcome `permanent` where it has no form. */
export function valueOfPut(record: WalRecord, { value }: MemcachedSettings): NewValue {
  return record.op === 'put' ? made(record.payload, record, value) : undefined
}

/** What a record that is newer than all that is held leaves of an item. */
export function itemOf(
  record: WalRecord,
  key: string,
  value: NewValue,
  settings: MemcachedSettings,
): NewItem {
  return itemWith(record, key, { version: record.version, value, marks: undefined }, settings)
}

/**
 * What is left of an item by a record that is merged into it, or why nothing changes. Of what is not held no part
 * is put: it is kept beside the tombstone, for the put that it belongs to. `later_form`: what is kept of patches cannot be read.
 */
export function mergedItemOf(
  record: WalRecord,
  key: string,
  held: Envelope,
  settings: MemcachedSettings,
): NewItem | NoChange | 'later_form' {
  const { op, version, payload } = record
  const isOver = op !== 'delete' && (ttlMsOf(record, settings) ?? 1) <= 0
  const before = rowOf(held)
  if (before === undefined) return 'later_form'
  const row = changeRow(before, { op: isOver ? 'delete' : op, version, payload })
  if (typeof row === 'string') return row
  const next = row.value === undefined ? undefined : made(row.value, record, settings.value)
  return itemWith(
    record,
    key,
    { version: newestOf(row), value: next, marks: rowMarks(row) },
    settings,
  )
}

/** Undefined where the marks are a later release's, or damaged. */
function rowOf({ version = 0n, value, marks }: Envelope): ReturnType<typeof markedRow> | undefined {
  const held = value === undefined ? undefined : parsed(value)
  try {
    return markedRow(version, held, marks)
  } catch {
    return undefined
  }
}

/** Throws the outcome `permanent` where it is too large, or its time is no time. */
function itemWith(
  record: WalRecord,
  key: string,
  { version, value, marks }: Envelope & { readonly version: bigint },
  settings: MemcachedSettings,
): NewItem {
  const ttlMs = value === undefined ? 0 : ttlMsOf(record, settings)
  if (ttlMs !== undefined && ttlMs <= 0) {
    const ttlSeconds = Math.ceil(settings.tombstoneMs / 1_000)
    const kept = withVersion(version, undefined, marks)
    // Of a cache it is enough that nothing old is shown: without the fields, a put that comes late is a miss.
    const isFitting = marks === undefined || bytesOf(kept, key) <= settings.largestItemBytes
    return { value: isFitting ? kept : withVersion(version, undefined), ttlSeconds }
  }
  const item = withVersion(version, value, marks)
  refuseTooLarge(item, key, settings.largestItemBytes)
  return { value: item, ttlSeconds: Math.ceil((ttlMs ?? 0) / 1_000) }
}

function ttlMsOf(record: WalRecord, settings: MemcachedSettings): number | undefined {
  const ttlMs = settings.ttlMs(record)
  if (ttlMs === undefined || (Number.isFinite(ttlMs) && ttlMs <= longestTtlMs)) return ttlMs
  throw permanent('bad_ttl', `\`ttlMs\` made ${ttlMs} of the record; ${longestTtlMs} is the most.`)
}

/** Counts only where a count may tell: no character has more than three bytes. */
function refuseTooLarge(item: string | Uint8Array, key: string, most: number): void {
  if ((item.length + key.length) * 3 + overheadBytes <= most) return
  const bytes = bytesOf(item, key)
  if (bytes <= most) return
  throw permanent('too_large', `The item has ${bytes} bytes, and \`largestItemBytes\` is ${most}.`)
}

function bytesOf(item: string | Uint8Array, key: string): number {
  return Buffer.byteLength(item) + Buffer.byteLength(key) + overheadBytes
}

function made(
  payload: unknown,
  record: WalRecord,
  value: MemcachedSettings['value'],
): string | Uint8Array {
  const bytes = attempt(() => (value ? value(payload, record) : JSON.stringify(payload)))
  if (typeof bytes === 'string' || bytes instanceof Uint8Array) return bytes
  throw permanent('bad_value', `A ${typeof payload} cannot be stored: it has no text or bytes.`)
}

function attempt(make: () => unknown): unknown {
  try {
    return make()
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause)
    throw permanent('bad_value', `The value cannot be stored: ${reason}`, { cause })
  }
}

/** What is no JSON has no fields either. */
function parsed(held: string | Uint8Array): unknown {
  try {
    return JSON.parse(Buffer.from(held).toString('utf8'))
  } catch {
    return held
  }
}
