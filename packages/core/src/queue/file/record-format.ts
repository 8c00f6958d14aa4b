import { WalError } from '../../errors.ts'
import type { Op, StoredRecord } from '../../record.ts'
import { uuidText } from '../../record-id.ts'
import { numbersIn } from './numbers-in.ts'
import { noRareFields, RareFields } from './rare-fields.ts'
import {
  readRepeatedText,
  readText,
  textEnd,
  uuidBytes,
  writeText,
  writeUuid,
} from './record-bytes.ts'
import { has, knownFlags, rareFlags } from './record-flags.ts'

/**
 * A record as the body of a frame, format version 1. Little-endian; a text is a u32 length and
 * UTF-8 (see `writeText`).
 *
 * ```
 *  0      1     2       4               8         16          24
 *  ┌──────┬─────┬───────┬───────────────┬─────────┬───────────┬────┬────────┬──────────┬─────────┐
 *  │ kind │ op  │ flags │ attemptEpoch  │ version │ writtenAt │ id │ origin │ optional │ payload │
 *  └──────┴─────┴───────┴───────────────┴─────────┴───────────┴────┴────────┴──────────┴─────────┘
 * ```
 *
 * | field        | type | meaning |
 * |--------------|------|---------|
 * | kind         | u8   | 1 |
 * | op           | u8   | 0 put, 1 patch, 2 delete |
 * | flags        | u16  | which of the optional fields follow; bit 0: the id is a UUID of 16 bytes |
 * | attemptEpoch | u32  | |
 * | version      | u64  | |
 * | writtenAt    | f64  | ms since the Unix epoch |
 * | id           | 16 bytes, or a text where it is no canonical UUID | |
 * | origin       | text | |
 * | optional     |      | in the order of the flags: namespace, key, target, encryptionKeyId, traceparent, tracestate (texts), dueAt (f64), transaction (text, u32), headers (u32 count, then pairs of texts) |
 * | payload      |      | the rest of the body, if its flag is set |
 */
export const recordKind = 1

const fixedBytes = 24
const ops: readonly Op[] = ['put', 'patch', 'delete']

/** At most so many bytes are needed to encode the record: room to make before `encodeRecord`. */
export function recordBound(record: StoredRecord): number {
  return fieldsBound(record) + (record.payload?.byteLength ?? 0)
}

/** At most so many bytes are needed to encode it but for its payload. */
export function fieldsBound(record: StoredRecord): number {
  let characters = record.id.length + record.origin.length + record.namespace.length
  characters += lengthOf(record.key) + lengthOf(record.target) + lengthOf(record.encryptionKeyId)
  if (record.transaction) characters += record.transaction.id.length
  if (record.traceContext) {
    characters += record.traceContext.traceparent.length
    characters += lengthOf(record.traceContext.tracestate)
  }
  let bytes = 128
  for (const name in record.headers) {
    bytes += 8
    characters += name.length + lengthOf(record.headers[name])
  }
  return bytes + characters * 3
}

/**
 * Writes the record at `at` and answers where it ends. `namespace` is the one that need not be
 * repeated. There must be room for `recordBound(record)` bytes.
 */
export function encodeRecord(
  record: StoredRecord,
  into: Buffer,
  at: number,
  namespace: string,
): number {
  const end = encodeFields(record, into, at, namespace)
  if (record.payload === undefined) return end
  into.set(record.payload, end)
  return end + record.payload.byteLength
}

/** The same without its payload, which goes where they end. */
export function encodeFields(
  record: StoredRecord,
  into: Buffer,
  at: number,
  namespace: string,
): number {
  let flags = 0
  let end = at + fixedBytes
  if (writeUuid(record.id, into, end)) {
    flags |= has.uuid
    end += uuidBytes
  } else {
    end = writeText(record.id, into, end)
  }
  end = writeText(record.origin, into, end)
  if (record.namespace !== namespace) {
    flags |= has.namespace
    end = writeText(record.namespace, into, end)
  }
  if (record.key !== undefined) {
    flags |= has.key
    end = writeText(record.key, into, end)
  }
  if (isUnusual(record)) {
    const rare = encodeRareFields(record, into, end)
    flags |= rare.flags
    end = rare.end
  }
  if (record.payload !== undefined) flags |= has.payload
  into[at] = recordKind
  into[at + 1] = ops.indexOf(record.op)
  const numbers = numbersIn(into)
  numbers.setUint16(at + 2, flags, true)
  numbers.setUint32(at + 4, record.attemptEpoch, true)
  numbers.setBigUint64(at + 8, record.version, true)
  numbers.setFloat64(at + 16, record.writtenAt, true)
  return end
}

/** True if any of the fields is there that most records are without. */
function isUnusual(record: StoredRecord): boolean {
  if (record.target !== undefined || record.encryptionKeyId !== undefined) return true
  if (record.traceContext !== undefined || record.transaction !== undefined) return true
  if (record.dueAt !== undefined) return true
  for (const _ in record.headers) return true
  return false
}

function encodeRareFields(
  record: StoredRecord,
  into: Buffer,
  at: number,
): { flags: number; end: number } {
  let flags = 0
  let end = at
  const text = (flag: number, value: string | undefined): void => {
    if (value === undefined) return
    flags |= flag
    end = writeText(value, into, end)
  }
  text(has.target, record.target)
  text(has.encryptionKeyId, record.encryptionKeyId)
  text(has.traceparent, record.traceContext?.traceparent)
  text(has.tracestate, record.traceContext?.tracestate)
  if (record.dueAt !== undefined) {
    flags |= has.dueAt
    end = into.writeDoubleLE(record.dueAt, end)
  }
  if (record.transaction) {
    text(has.transaction, record.transaction.id)
    end = into.writeUInt32LE(record.transaction.index, end)
  }
  const names = Object.keys(record.headers)
  if (names.length > 0) {
    flags |= has.headers
    end = into.writeUInt32LE(names.length, end)
    for (const name of names) {
      end = writeText(name, into, end)
      end = writeText(record.headers[name] ?? '', into, end)
    }
  }
  return { flags, end }
}

/** The version of the record whose body begins at `at`, without decoding the rest. */
export function recordVersion(from: Buffer, at: number): bigint {
  return numbersIn(from).getBigUint64(at + 8, true)
}

/** When the record whose body begins at `at` was written, in ms since the Unix epoch. */
export function recordWrittenAt(from: Buffer, at: number): number {
  return numbersIn(from).getFloat64(at + 16, true)
}

/** Where a record's payload is taken from the bytes it was read into. */
export type TakePayload = (from: Buffer, start: number, end: number) => Uint8Array

/**
 * Reads the record between the two offsets. Its payload is a copy, so that the buffer may be used
 * again, unless `take` says otherwise. Throws `ERR_FUTURE_FORMAT` if the record has parts that this
 * version does not know.
 */
export function decodeRecord(
  from: Buffer,
  start: number,
  end: number,
  namespace: string,
  take: TakePayload = copyOf,
): StoredRecord {
  const op = checkRecord(from, start)
  const flags = numbersIn(from).getUint16(start + 2, true)
  let at = start + fixedBytes
  const isUuid = (flags & has.uuid) !== 0
  const id = isUuid ? uuidText(from, at) : readText(from, at)
  at = isUuid ? at + uuidBytes : textEnd(from, at)
  const origin = readRepeatedText(from, at)
  at = textEnd(from, at)
  let ownNamespace = namespace
  if ((flags & has.namespace) !== 0) {
    ownNamespace = readText(from, at)
    at = textEnd(from, at)
  }
  let key: string | undefined
  if ((flags & has.key) !== 0) {
    key = readText(from, at)
    at = textEnd(from, at)
  }
  const rare = (flags & rareFlags) === 0 ? noRareFields : new RareFields(from, at, flags)
  if (rare.end > 0) at = rare.end
  return {
    id,
    namespace: ownNamespace,
    key,
    op,
    headers: rare.headers,
    writtenAt: recordWrittenAt(from, start),
    dueAt: rare.dueAt,
    version: recordVersion(from, start),
    origin,
    target: rare.target,
    transaction: rare.transaction,
    attemptEpoch: numbersIn(from).getUint32(start + 4, true),
    traceContext: rare.traceContext,
    encryptionKeyId: rare.encryptionKeyId,
    payload: (flags & has.payload) === 0 ? undefined : take(from, at, end),
  }
}

/**
 * Answers the op of the record whose body begins at `start`. Throws `ERR_FUTURE_FORMAT` if the
 * record has parts that this version does not know.
 */
export function checkRecord(from: Buffer, start: number): Op {
  const flags = numbersIn(from).getUint16(start + 2, true)
  const op = ops[from[start + 1] ?? ops.length]
  if (from[start] === recordKind && op !== undefined && (flags & ~knownFlags) === 0) return op
  throw new WalError(
    'ERR_FUTURE_FORMAT',
    'A record has parts that this version of the library does not know. ' +
      'Open the log with the version that wrote it, or a later one.',
  )
}

/** For a buffer that is not written to again. It may hold other records too, whose payloads share it. */
export function viewOf(from: Buffer, start: number, end: number): Uint8Array {
  return from.subarray(start, end)
}

/** For one that is. */
export function copyOf(from: Buffer, start: number, end: number): Uint8Array {
  const copy = Buffer.allocUnsafe(end - start)
  // Neither `copy` nor `subarray`: both take longer.
  copy.set(new Uint8Array(from.buffer, from.byteOffset + start, end - start))
  return copy
}

function lengthOf(text: string | undefined): number {
  return text === undefined ? 0 : text.length
}

/** A record by itself in as many bytes as it takes, namespace included. */
export function recordToBytes(record: StoredRecord): Buffer {
  const buffer = Buffer.allocUnsafe(recordBound(record))
  return buffer.subarray(0, encodeRecord(record, buffer, 0, ''))
}

/** The record that `recordToBytes` was given. */
export function recordFromBytes(bytes: Buffer): StoredRecord {
  return decodeRecord(bytes, 0, bytes.length, '')
}
