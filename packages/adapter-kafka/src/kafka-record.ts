import { type Op, type StoredRecord, WalError } from '@daybook/core'
import { digitsOf, repeatedText } from './header-texts.ts'
import { impliedOp, impliedOrigin, impliedWrittenAt } from './implied-fields.ts'
import type { KafkaEntry, KafkaMessage, KafkaPlace } from './kafka-client.ts'
import { isTaken, takenPrefix } from './kafka-message.ts'

/** Headers that every record has: its id, namespace and version. */
const headersOfAll = 3

/** The record in a message. Throws `ERR_UNDECODABLE` for one that none of ours has written. */
export function recordOf({ key, value, headers }: KafkaMessage): StoredRecord {
  const id = required(headers, 'daybook-id').toString()
  const namespace = namespaceOf(required(headers, 'daybook-namespace'))
  const version = versionOf(required(headers, 'daybook-version'))
  // Most have no more than these, and nothing else is then looked for.
  const { size } = headers
  const beside = size > headersOfAll ? headers : none
  const op = beside.get('daybook-op')
  const origin = beside.get('daybook-origin')
  const writtenAt = beside.get('daybook-written-at')
  const more = size > headersOfAll + countOf(op, origin, writtenAt) ? headers : none
  const text = (name: string): string | undefined => more.get(name)?.toString()
  const traceparent = text('traceparent')
  return {
    id,
    namespace,
    key: key?.toString(),
    op: op === undefined ? impliedOp : opOf(op),
    payload: value === null ? undefined : value,
    headers: more === none ? noHeaders : headersOf(more),
    writtenAt: writtenAt === undefined ? impliedWrittenAt(version) : numberOf(writtenAt),
    dueAt: numberIfAny(more.get('daybook-due-at')),
    version,
    origin: origin === undefined ? impliedOrigin : originOf(origin),
    target: text('daybook-target'),
    transaction: transactionOf(text('daybook-transaction')),
    attemptEpoch: numberIfAny(more.get('daybook-epoch')) ?? 0,
    traceContext: traceparent === undefined ? undefined : traceOf(traceparent, text('tracestate')),
    encryptionKeyId: text('daybook-key-id'),
  }
}

function countOf(...headers: readonly (Buffer | undefined)[]): number {
  let count = 0
  for (const header of headers) if (header !== undefined) count++
  return count
}

const none: KafkaMessage['headers'] = new Map()
const noHeaders: StoredRecord['headers'] = Object.freeze({})

/** When the record in a message may go to its targets; 0 for at once. */
export function dueAtOf({ headers }: KafkaMessage): number {
  return Number(headers.get('daybook-due-at')?.toString() ?? 0)
}

/** What a record counts for in limits while it is here: its bytes, and about what its fields take. */
export function weightOf({ key, payload, headers }: StoredRecord): number {
  let bytes = 400 + (key?.length ?? 0) + (payload?.byteLength ?? 0)
  for (const name in headers) bytes += name.length + (headers[name]?.length ?? 0)
  return bytes
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

const namespaceOf = repeatedText()
const originOf = repeatedText()
const opTextOf = repeatedText()

function required(headers: KafkaMessage['headers'], name: string): Buffer {
  const bytes = headers.get(name)
  if (bytes === undefined) throw undecodable(`it has no header "${name}"`)
  return bytes
}

function opOf(bytes: Buffer): Op {
  const text = opTextOf(bytes)
  if (text === 'put' || text === 'patch' || text === 'delete') return text
  throw undecodable(`its op is "${text}"`)
}

function numberOf(bytes: Buffer): number {
  const number = digitsOf(bytes)
  return number === undefined ? numberIn(bytes.toString()) : number
}

function numberIfAny(bytes: Buffer | undefined): number | undefined {
  return bytes === undefined ? undefined : numberOf(bytes)
}

function numberIn(text: string): number {
  const number = Number(text)
  if (text === '' || !Number.isFinite(number)) throw undecodable(`"${text}" is not a number`)
  return number
}

function versionOf(bytes: Buffer): bigint {
  const number = digitsOf(bytes)
  if (number !== undefined) return BigInt(number)
  const text = bytes.toString()
  if (/^\d{1,19}$/.test(text)) return BigInt(text)
  throw undecodable(`its version is "${text}"`)
}

function transactionOf(text: string | undefined): StoredRecord['transaction'] {
  if (text === undefined) return undefined
  const colon = text.indexOf(':')
  return { index: numberIn(text.slice(0, colon)), id: text.slice(colon + 1) }
}

function traceOf(traceparent: string, tracestate: string | undefined) {
  return tracestate === undefined ? { traceparent } : { traceparent, tracestate }
}

function undecodable(why: string): WalError {
  return new WalError('ERR_UNDECODABLE', `A message in the topic is no record of a wal: ${why}.`)
}
