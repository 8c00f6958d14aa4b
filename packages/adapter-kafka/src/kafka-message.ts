import type { Op, StoredRecord } from '@daybook/core'
import { impliedOp, impliedOrigin, impliedWrittenAt } from './implied-fields.ts'
import type { KafkaMessage } from './kafka-client.ts'

/**
 * A record as a message that any other consumer can read: the key is the key, the value is the
 * payload as the namespace's codec made it, the record's own headers are headers. The other fields
 * are headers whose names begin with `daybook-`, as texts; the trace context has its W3C names. Each
 * header costs a client microseconds, so what a reader can tell without one has none.
 *
 * | header                       | field                                | without it                            |
 * | ---------------------------- | ------------------------------------ | ------------------------------------- |
 * | `daybook-id`, `-namespace`   | of the same name                     | not a record                          |
 * | `daybook-version`            | digits: an int64                     | not a record                          |
 * | `daybook-op`                 | `put`, `patch` or `delete`           | `put`                                 |
 * | `daybook-origin`             | the region it was written in         | `local`                               |
 * | `daybook-written-at`         | ms since the Unix epoch              | the version, divided by 1000, floored |
 * | `daybook-due-at`             | ms since the Unix epoch              | due at once                           |
 * | `daybook-epoch`              | `attemptEpoch`                       | 0                                     |
 * | `daybook-target`             | the only target meant                | every target                          |
 * | `daybook-transaction`        | index, a colon, the transaction's id | in none                               |
 * | `daybook-key-id`             | `encryptionKeyId`                    | not encrypted                         |
 * | `daybook-h-…`                | a header of a name that is taken, or special |                               |
 */
export function messageOf(record: StoredRecord): KafkaMessage {
  const { key, payload, transaction, traceContext } = record
  const headers = new Map<string, Buffer>()
  const set = (name: string, value: string | number | bigint | undefined): void => {
    if (value !== undefined) headers.set(name, Buffer.from(String(value)))
  }
  set('daybook-id', record.id)
  headers.set('daybook-namespace', namespaceBytes(record.namespace))
  set('daybook-version', record.version)
  if (record.op !== impliedOp) headers.set('daybook-op', opBytes[record.op])
  if (record.origin !== impliedOrigin) headers.set('daybook-origin', originBytes(record.origin))
  if (record.writtenAt !== impliedWrittenAt(record.version)) {
    set('daybook-written-at', record.writtenAt)
  }
  set('daybook-due-at', record.dueAt)
  set('daybook-target', record.target)
  set('daybook-key-id', record.encryptionKeyId)
  if (record.attemptEpoch > 0) set('daybook-epoch', record.attemptEpoch)
  if (transaction) set('daybook-transaction', `${transaction.index}:${transaction.id}`)
  set('traceparent', traceContext?.traceparent)
  set('tracestate', traceContext?.tracestate)
  for (const [name, value] of Object.entries(record.headers)) {
    set(isTaken(name) ? `${takenPrefix}${name}` : name, value)
  }
  return {
    key: key === undefined ? null : Buffer.from(key),
    value: payload === undefined ? null : asBuffer(payload),
    headers,
  }
}

/** Remembers the bytes of the last text: it hardly ever changes from one record to the next. */
function lastBytes(): (text: string) => Buffer {
  let last = ''
  let bytes = Buffer.alloc(0)
  return (text) => {
    if (text !== last) [last, bytes] = [text, Buffer.from(text)]
    return bytes
  }
}

const namespaceBytes = lastBytes()
const originBytes = lastBytes()
const opBytes: Readonly<Record<Op, Buffer>> = {
  put: Buffer.from('put'),
  patch: Buffer.from('patch'),
  delete: Buffer.from('delete'),
}

/** The names that nearly every record has, as bytes: made once, rather than for each header. */
const usualNames: ReadonlyMap<string, Buffer> = new Map(
  ['id', 'namespace', 'op', 'origin', 'written-at', 'version', 'due-at'].map((field) => {
    const name = `daybook-${field}`
    return [name, Buffer.from(name)]
  }),
)

/** A header's name as bytes. */
export function nameBytesOf(name: string): Buffer {
  return usualNames.get(name) ?? Buffer.from(name)
}

/** Stands before the name of a header that is taken. */
export const takenPrefix = 'daybook-h-'

/** Ours, or one that a client loses because it keeps headers in a plain object. */
export function isTaken(name: string): boolean {
  return (
    name.startsWith('daybook-') ||
    name === 'traceparent' ||
    name === 'tracestate' ||
    name in Object.prototype
  )
}

function asBuffer(bytes: Uint8Array): Buffer {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
}

/** What a message counts for in limits: its bytes, and a little for each header's frame. */
export function bytesOf({ key, value, headers }: KafkaMessage): number {
  let bytes = 70 + (key?.byteLength ?? 0) + (value?.byteLength ?? 0)
  for (const [name, text] of headers) {
    bytes += (usualNames.get(name)?.byteLength ?? Buffer.byteLength(name)) + text.byteLength + 6
  }
  return bytes
}
