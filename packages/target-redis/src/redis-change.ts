import { Buffer } from 'node:buffer'
import {
  applied,
  changeRow,
  markedRow,
  newestOf,
  type Outcome,
  permanent,
  rowMarks,
  superseded,
  type WalRecord,
} from '@daybook/core'
import type { RedisArgument } from './redis-client.ts'
import { isVersionKey, versionKeyOf } from './redis-keys.ts'
import { longestMs, type RedisSettings } from './redis-options.ts'
import { digits, type ScriptCall } from './redis-script.ts'

/** Largest value, in bytes. Source: https://redis.io/docs/latest/develop/data-types/strings/ */
const largestBytes = 512 * 1024 * 1024

/** The keys of a record. Throws the outcome `permanent` where there can be none. */
export function keysOf(
  key: string | undefined,
  settings: Pick<RedisSettings, 'key'>,
): readonly [value: string, version: string] {
  if (key === undefined) throw permanent('no_key', 'Redis needs a key, and the record has none.')
  const name = settings.key(key)
  if (typeof name !== 'string' || name === '') {
    throw permanent('bad_key', `\`key\` made no key of ${JSON.stringify(key)}.`)
  }
  if (isVersionKey(name)) {
    throw permanent('bad_key', `${name} is a name that this target gives to versions.`)
  }
  return [name, versionKeyOf(name)]
}

/** A put, a delete, or a patch that removes, as the script takes it. */
export function callOf(record: WalRecord, settings: RedisSettings): ScriptCall {
  const keys = keysOf(record.key, settings)
  const { version } = record
  const gone = { keys, op: 'delete', version, bytes: '', ttlMs: 0 } as const
  const { tombstoneMs } = settings
  if (record.op !== 'put') return { ...gone, versionTtlMs: tombstoneMs }
  const bytes = bytesOf(record.payload, record, settings)
  const ttlMs = ttlOf(record, settings)
  if (ttlMs === undefined) return { ...gone, op: 'put', bytes, versionTtlMs: 0 }
  if (ttlMs <= 0) return { ...gone, versionTtlMs: tombstoneMs }
  return { ...gone, op: 'put', bytes, ttlMs, versionTtlMs: Math.max(ttlMs, tombstoneMs) }
}

/** The bytes of a payload. Throws the outcome `permanent` where it has none. */
function bytesOf(
  payload: unknown,
  record: WalRecord,
  { value }: Pick<RedisSettings, 'value'>,
): RedisArgument {
  const made = madeOf(payload, record, value)
  if (typeof made !== 'string' && !(made instanceof Uint8Array)) {
    throw permanent('bad_value', `A ${typeof payload} cannot be stored: it has no text or bytes.`)
  }
  const bytes =
    typeof made === 'string' ? made : Buffer.from(made.buffer, made.byteOffset, made.byteLength)
  if (Buffer.byteLength(bytes) <= largestBytes) return bytes
  throw permanent(
    'too_large',
    `The value is larger than the ${largestBytes} bytes that Redis takes.`,
  )
}

function madeOf(payload: unknown, record: WalRecord, value: RedisSettings['value']): unknown {
  try {
    return value === undefined ? JSON.stringify(payload) : value(payload, record)
  } catch (cause) {
    throw permanent('bad_value', `The value cannot be stored: ${messageOf(cause)}`, { cause })
  }
}

/** What is held of a key: its version, empty for none, and its value. */
export interface HeldValue {
  readonly version: string
  readonly value: string | undefined
}

/**
 * What becomes of what is held by a change that is merged into it, as the script takes it; or the outcome where
 * nothing does. Of what is not there no part is put: it is kept with the version, for the put that it belongs to.
 */
export function mergeOf(
  record: WalRecord,
  held: HeldValue,
  settings: RedisSettings,
): ScriptCall | Outcome {
  const call = callOf(record, settings)
  const { op, version, payload } = record
  const ttlMs = op === 'delete' ? undefined : ttlOf(record, settings)
  const isOver = (ttlMs ?? 1) <= 0
  const row = changeRow(rowOf(held, call.keys), { op: isOver ? 'delete' : op, version, payload })
  if (row === 'not_an_object') {
    throw permanent(row, 'What Redis holds is no JSON object, and has no fields to patch.')
  }
  if (typeof row === 'string') return row === 'applied' ? applied : superseded
  const kept = digits(newestOf(row)) + (rowMarks(row) ?? '')
  const { tombstoneMs } = settings
  const merged = { ...call, expected: held.version, kept }
  if (row.value === undefined) {
    return { ...merged, op: 'delete', bytes: '', ttlMs: 0, versionTtlMs: tombstoneMs }
  }
  const bytes = bytesOf(row.value, record, settings)
  const versionTtlMs = ttlMs === undefined ? 0 : Math.max(ttlMs, tombstoneMs)
  return { ...merged, op: op === 'patch' ? 'merge' : 'put', bytes, ttlMs: ttlMs ?? 0, versionTtlMs }
}

/** Throws what the script answers where a version cannot be read: these marks are a later release's, or damaged. */
function rowOf(
  { version, value }: HeldValue,
  [, versionKey]: ScriptCall['keys'],
): ReturnType<typeof markedRow> {
  const held = value === undefined ? undefined : parsed(value)
  try {
    return markedRow(BigInt(version.slice(0, 19) || 0), held, version.slice(19) || undefined)
  } catch (cause) {
    throw new Error(`DAYBOOK ${versionKey} holds something that is no version`, { cause })
  }
}

/** What is no JSON has no fields either. */
function parsed(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return text
  }
}

/** Whole ms of a record's time to live; undefined for ever. */
function ttlOf(record: WalRecord, settings: RedisSettings): number | undefined {
  const ttlMs = settings.ttlMs(record)
  if (ttlMs === undefined) return undefined
  if (typeof ttlMs === 'number' && ttlMs <= longestMs) return Math.max(0, Math.ceil(ttlMs))
  throw permanent('bad_ttl', `\`ttlMs\` made ${ttlMs} of the record; ${longestMs} is the most.`)
}

function messageOf(cause: unknown): string {
  return cause instanceof Error ? cause.message : String(cause)
}
