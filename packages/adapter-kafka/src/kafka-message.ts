import { type Op, type StoredRecord, WalError } from '@daybook/core'
import type { KafkaEntry, KafkaMessage, KafkaPlace } from './kafka-client.ts'

/**
 * A record as a message that any other consumer can read: the key is the key, the value is the
 * payload as the namespace's codec made it, the record's own headers are headers. The other fields
 * are headers whose names begin with `daybook-`, as texts; the trace context has its W3C names.
 *
 * | header                                      | field                                        |
 * | ------------------------------------------- | -------------------------------------------- |
 * | `daybook-id`, `-namespace`, `-op`, `-origin` | of the same name                             |
 * | `daybook-written-at`, `-due-at`             | ms since the Unix epoch                      |
 * | `daybook-version`                           | digits: an int64                             |
 * | `daybook-epoch`                             | `attemptEpoch`, unless 0                     |
 * | `daybook-target`                            | the only target meant                        |
 * | `daybook-transaction`                       | index, a colon, the transaction's id         |
 * | `daybook-key-id`                            | `encryptionKeyId`                            |
 * | `daybook-h-…`                               | a header of a name that is taken, or special |
 */
export function messageOf(record: StoredRecord): KafkaMessage {
  const { key, payload, transaction, traceContext } = record
  const headers = new Map<string, Buffer>()
  const set = (name: string, value: string | number | bigint | undefined): void => {
    if (value !== undefined) headers.set(name, Buffer.from(String(value)))
  }
  set('daybook-id', record.id)
  headers.set('daybook-namespace', namespaceBytes(record.namespace))
  headers.set('daybook-op', opBytes[record.op])
  headers.set('daybook-origin', originBytes(record.origin))
  set('daybook-written-at', record.writtenAt)
  set('daybook-version', record.version)
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

const takenPrefix = 'daybook-h-'

/** Ours, or one that a client loses because it keeps headers in a plain object. */
function isTaken(name: string): boolean {
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

/** The record in a message. Throws `ERR_UNDECODABLE` for one that none of ours has written. */
export function recordOf(entry: KafkaMessage): StoredRecord {
  const { key, value, headers } = entry
  const text = (name: string): string | undefined => headers.get(name)?.toString()
  const required = (name: string): string => text(name) ?? missing(name)
  const traceparent = text('traceparent')
  const dueAt = text('daybook-due-at')
  return {
    id: required('daybook-id'),
    namespace: required('daybook-namespace'),
    key: key?.toString(),
    op: opOf(required('daybook-op')),
    payload: value === null ? undefined : value,
    headers: headersOf(headers),
    writtenAt: numberOf(required('daybook-written-at')),
    dueAt: dueAt === undefined ? undefined : numberOf(dueAt),
    version: versionOf(required('daybook-version')),
    origin: required('daybook-origin'),
    target: text('daybook-target'),
    transaction: transactionOf(text('daybook-transaction')),
    attemptEpoch: numberOf(text('daybook-epoch') ?? '0'),
    traceContext: traceparent === undefined ? undefined : traceOf(traceparent, text('tracestate')),
    encryptionKeyId: text('daybook-key-id'),
  }
}

/** When the record in a message may go to its targets; 0 for at once. */
export function dueAtOf({ headers }: KafkaMessage): number {
  return Number(headers.get('daybook-due-at')?.toString() ?? 0)
}

/** As much of a record as can be told of a message that holds none. */
export function strangeRecord(
  { topic, partition }: KafkaPlace,
  { offset, key, value, timestamp }: KafkaEntry,
): StoredRecord {
  return {
    id: `kafka:${topic}/${partition}/${offset}`,
    namespace: '',
    key: key?.toString(),
    op: 'put',
    payload: value ?? undefined,
    headers: {},
    writtenAt: timestamp,
    dueAt: undefined,
    version: 1n,
    origin: '',
    target: undefined,
    transaction: undefined,
    attemptEpoch: 0,
    traceContext: undefined,
    encryptionKeyId: undefined,
  }
}

function headersOf(all: ReadonlyMap<string, Buffer>): Record<string, string> {
  const headers: Record<string, string> = {}
  for (const [stored, value] of all) {
    const isEscaped = stored.startsWith(takenPrefix)
    if (!isEscaped && isTaken(stored)) continue
    const name = isEscaped ? stored.slice(takenPrefix.length) : stored
    Object.defineProperty(headers, name, {
      value: value.toString(),
      enumerable: true,
      writable: true,
      configurable: true,
    })
  }
  return headers
}

function opOf(text: string): Op {
  if (text === 'put' || text === 'patch' || text === 'delete') return text
  throw undecodable(`its op is "${text}"`)
}

function numberOf(text: string): number {
  const number = Number(text)
  if (text === '' || !Number.isFinite(number)) throw undecodable(`"${text}" is not a number`)
  return number
}

function versionOf(text: string): bigint {
  if (/^\d{1,19}$/.test(text)) return BigInt(text)
  throw undecodable(`its version is "${text}"`)
}

function transactionOf(text: string | undefined): StoredRecord['transaction'] {
  if (text === undefined) return undefined
  const colon = text.indexOf(':')
  return { index: numberOf(text.slice(0, colon)), id: text.slice(colon + 1) }
}

function traceOf(traceparent: string, tracestate: string | undefined) {
  return tracestate === undefined ? { traceparent } : { traceparent, tracestate }
}

function missing(name: string): never {
  throw undecodable(`it has no header "${name}"`)
}

function undecodable(why: string): WalError {
  return new WalError('ERR_UNDECODABLE', `A message in the topic is no record of a wal: ${why}.`)
}
