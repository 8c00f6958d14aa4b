import { Buffer } from 'node:buffer'
import { permanent, type WalRecord } from '@daybook/core'
import { withVersion } from './memcached-envelope.ts'
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

/** The JSON that is held with the fields of a patch. Of what is not held no part is put. */
export function valueOfPatch(record: WalRecord, held: string | Uint8Array | undefined): NewValue {
  if (held === undefined) return undefined
  const fields = parsed(held)
  if (typeof fields !== 'object' || fields === null || Array.isArray(fields)) {
    throw permanent('not_an_object', 'What memcached holds is no JSON object: it has no fields.')
  }
  return made({ ...fields, ...(record.payload as object) }, record, undefined)
}

/** The item of a value. Throws the outcome `permanent` where it is too large, or its time is no time. */
export function itemOf(
  record: WalRecord,
  key: string,
  value: NewValue,
  settings: MemcachedSettings,
): NewItem {
  const ttlMs = value === undefined ? 0 : settings.ttlMs(record)
  if (ttlMs !== undefined && !(Number.isFinite(ttlMs) && ttlMs <= longestTtlMs)) {
    throw permanent(
      'bad_ttl',
      `\`ttlMs\` made ${ttlMs} of the record; ${longestTtlMs} is the most.`,
    )
  }
  if (ttlMs !== undefined && ttlMs <= 0) {
    const item = withVersion(record.version, undefined)
    return { value: item, ttlSeconds: Math.ceil(settings.tombstoneMs / 1_000) }
  }
  const item = withVersion(record.version, value)
  refuseTooLarge(item, key, settings.largestItemBytes)
  return { value: item, ttlSeconds: Math.ceil((ttlMs ?? 0) / 1_000) }
}

/** Counts only where a count may tell: no character has more than three bytes. */
function refuseTooLarge(item: string | Uint8Array, key: string, most: number): void {
  if ((item.length + key.length) * 3 + overheadBytes <= most) return
  const bytes = Buffer.byteLength(item) + Buffer.byteLength(key) + overheadBytes
  if (bytes <= most) return
  throw permanent('too_large', `The item has ${bytes} bytes, and \`largestItemBytes\` is ${most}.`)
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

function parsed(held: string | Uint8Array): unknown {
  try {
    return JSON.parse(Buffer.from(held).toString('utf8'))
  } catch {
    return undefined
  }
}
