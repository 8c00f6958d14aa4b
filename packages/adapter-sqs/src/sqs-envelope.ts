import { type AttemptState, isWalError, type Op, type StoredRecord, WalError } from '@daybook/core'

// A message's body is JSON, so that anybody can read it:
//
//   v 1 · sent · id · namespace · key · op · headers · writtenAt · dueAt · version (digits) · origin
//   target · transaction · attemptEpoch · traceContext · encryptionKeyId · tried · payload (base64)
//
// What a record does not have is left out, and so are no headers and an attempt epoch of 0: every
// byte is escaped, hashed and sent with each record.
//
// `sent` is [the producer's name, a count], by which a watermark tells sooner from later. An entry
// whose record was too large for a message holds `claim` instead: its name in the store. `tried` is in
// messages that were sent anew: the attempts of the record, and until when it waits.

const version = 1

/** Most bytes that `tried` adds to a body where its history is left out. */
export const triedBytes = 160

/** Where a record stands among those of its producer. */
export interface SentPlace {
  readonly producer: string
  readonly count: number
}

/** What of a record's way so far travels in the body of a message that is sent anew. */
export interface Tried {
  readonly attempts: AttemptState
  /** Not handed out before, in ms since the Unix epoch; 0 for at once. */
  readonly until: number
}

/** What a body holds. */
export interface Envelope {
  readonly record: StoredRecord
  readonly sent: SentPlace | undefined
  readonly tried: Tried | undefined
}

// JSON escapes control characters and halves of pairs; SQS takes these two neither.
const noCharacters = /[\ufffe\uffff]/g
const escaped = (character: string): string =>
  `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`

/** JSON of which no character is refused by SQS. */
export function sendable(json: string): string {
  return json.replace(noCharacters, escaped)
}

/**
 * The body of a record's message. The payload is put behind the rest as it is: base64 has nothing to
 * escape, and to look for it takes longer than all else here.
 */
export function encodeEnvelope(record: StoredRecord, sent: SentPlace | undefined): string {
  const { id, namespace, key, op, payload, headers, writtenAt, dueAt, origin, target } = record
  const { version: digits, attemptEpoch, transaction, traceContext, encryptionKeyId } = record
  const fields = JSON.stringify({
    ...{ v: version, sent: sent && [sent.producer, sent.count] },
    ...{ id, namespace, key, op, headers: Object.keys(headers).length > 0 ? headers : undefined },
    ...{ writtenAt, dueAt, version: digits.toString(), origin, target, transaction },
    ...{ attemptEpoch: attemptEpoch || undefined, traceContext, encryptionKeyId },
  }).replace(noCharacters, escaped)
  if (payload === undefined) return fields
  const { buffer, byteOffset, byteLength } = payload
  const base64 = Buffer.from(buffer, byteOffset, byteLength).toString('base64')
  return `${fields.slice(0, -1)},"payload":"${base64}"}`
}

/** The body of a message whose record lies in the store. */
export function encodeClaim(claim: string, record: StoredRecord): string {
  return JSON.stringify({ v: version, claim, id: record.id, dueAt: record.dueAt })
}

/**
 * The body with what has been tried. Without the history where the message would be larger than
 * `maxBytes` with it, and as it was where even the numbers do not fit.
 */
export function withTried(body: string, { attempts, until }: Tried, maxBytes: number): string {
  const fields = parse(body)
  for (const history of [attempts.history, []]) {
    const tried: Tried = { attempts: { ...attempts, history }, until }
    const text = JSON.stringify({ ...fields, tried }).replace(noCharacters, escaped)
    if (Buffer.byteLength(text) <= maxBytes) return text
  }
  return body
}

/** What has been tried of the record whose claim this body is. */
export function triedOfClaim(body: string): Tried | undefined {
  return triedIn(parse(body))
}

function triedIn({ tried }: { readonly tried?: Tried }): Tried | undefined {
  if (tried === undefined) return undefined
  const { spent, interrupted, notBefore, history } = tried?.attempts ?? {}
  const areNumbers = [tried?.until, spent, interrupted, notBefore].every(Number.isFinite)
  return areNumbers && Array.isArray(history) ? tried : undefined
}

/** The name in the store, where the body is a claim. */
export function claimOf(body: string): string | undefined {
  if (!body.startsWith(`{"v":${version},"claim":`)) return undefined
  const { claim } = parse(body)
  return typeof claim === 'string' ? claim : undefined
}

/** Reads a body. Throws `ERR_UNDECODABLE`, or `ERR_FUTURE_FORMAT` for one of a later version. */
export function decodeEnvelope(body: string): Envelope {
  const fields = parse(body)
  const { v, sent } = fields
  if (typeof v === 'number' && v > version) {
    const message = `The message has format ${v}; this version of the adapter reads ${version}.`
    throw new WalError('ERR_FUTURE_FORMAT', message)
  }
  if (v !== version) throw undecodable('it has no format version')
  return { record: recordOf(fields), sent: placeOf(sent), tried: triedIn(fields) }
}

/** As much of a record as can be told of a message that is none. */
export function strangeRecord(body: string, id: string, sentAt: number): StoredRecord {
  return {
    ...{ id, namespace: '', key: undefined, op: 'put', payload: Buffer.from(body), headers: {} },
    ...{ writtenAt: sentAt, dueAt: undefined, version: 1n, origin: '', target: undefined },
    ...{ transaction: undefined, attemptEpoch: 0, traceContext: undefined },
    encryptionKeyId: undefined,
  }
}

function recordOf(fields: Record<string, unknown>): StoredRecord {
  const { id, namespace, op, writtenAt, origin, attemptEpoch = 0, headers = {} } = fields
  const areTexts = [id, namespace, origin].every((text) => typeof text === 'string')
  const areNumbers = [writtenAt, attemptEpoch].every((number) => typeof number === 'number')
  const isOp = ['put', 'patch', 'delete'].includes(op as string)
  if (!areTexts || !areNumbers || !isOp || typeof headers !== 'object' || headers === null) {
    throw undecodable('a field of the record is missing or wrong')
  }
  const { payload, version: digits } = fields
  if (typeof digits !== 'string' || !/^\d{1,19}$/.test(digits)) throw undecodable('its version')
  if (payload !== undefined && typeof payload !== 'string') throw undecodable('its payload')
  return {
    id: id as string,
    namespace: namespace as string,
    key: fields['key'] as string | undefined,
    op: op as Op,
    payload: payload === undefined ? undefined : bytesOf(payload),
    headers: headers as Record<string, string>,
    writtenAt: writtenAt as number,
    dueAt: fields['dueAt'] as number | undefined,
    version: BigInt(digits),
    origin: origin as string,
    target: fields['target'] as string | undefined,
    transaction: fields['transaction'] as StoredRecord['transaction'],
    attemptEpoch: attemptEpoch as number,
    traceContext: fields['traceContext'] as StoredRecord['traceContext'],
    encryptionKeyId: fields['encryptionKeyId'] as string | undefined,
  }
}

/**
 * Decoded into memory of its own. What Node shares among small buffers is 64 KiB large, and a record that is held
 * would keep all of it alive, which nothing counts.
 */
function bytesOf(base64: string): Uint8Array {
  const own = Buffer.allocUnsafeSlow(Buffer.byteLength(base64, 'base64'))
  // Fewer are written where some characters are none of base64.
  return new Uint8Array(own.buffer, 0, own.write(base64, 'base64'))
}

function placeOf(sent: unknown): SentPlace | undefined {
  if (!Array.isArray(sent)) return undefined
  const [producer, count] = sent as [string, number]
  return { producer, count }
}

function parse(body: string): Record<string, unknown> {
  try {
    const parsed: unknown = JSON.parse(body)
    if (typeof parsed === 'object' && parsed !== null) return parsed as Record<string, unknown>
  } catch (cause) {
    throw undecodable('it is no JSON', cause)
  }
  throw undecodable('it is no object')
}

function undecodable(what: string, cause?: unknown): WalError {
  return new WalError('ERR_UNDECODABLE', `A message of the queue is no record: ${what}.`, { cause })
}

/** A failure to read a message, as an error of this library. */
export function unreadable(error: unknown): WalError {
  return isWalError(error) ? error : undecodable('it cannot be read', error)
}
