import { Buffer } from 'node:buffer'
import { createHash } from 'node:crypto'
import type { WalRecord } from '../../record.ts'
import type { HttpCredentials } from './http-credentials.ts'
import type { HttpRequest } from './http-exchange.ts'
import type { HttpBody, HttpHeaders, HttpMethod, HttpSettings } from './http-options.ts'
import { signatureOf } from './http-signing.ts'

/** What a body is made of, and its type. */
export interface EncodedBody {
  readonly body: HttpBody
  readonly contentType: string | undefined
  /** Fields of the record that the body leaves out. */
  readonly headers: HttpHeaders
}

/** The record's fields as JSON holds them: versions as digits, bytes in base64. Alone it has its trace in the headers. */
function envelopeOf(record: WalRecord, inBatch: boolean): object {
  const { id, namespace, key, op, version, origin, writtenAt, headers, payload } = record
  const digits = version.toString()
  const traceContext = inBatch ? record.traceContext : undefined
  const fields = {
    id,
    namespace,
    key,
    op,
    version: digits,
    origin,
    writtenAt,
    headers,
    traceContext,
  }
  if (!(payload instanceof Uint8Array)) return { ...fields, payload }
  return { ...fields, payload: Buffer.from(payload).toString('base64'), payloadEncoding: 'base64' }
}

/** Where a request goes. */
export interface HttpDestination {
  readonly url: URL
  readonly method: HttpMethod
}

/** The body of a request for these records. Throws what encoding them throws. */
export function bodyOf(
  records: readonly [WalRecord, ...WalRecord[]],
  { body, batch }: Pick<HttpSettings, 'body' | 'batch'>,
): EncodedBody {
  const [record] = records
  if (typeof body === 'function') return { ...withType(body(record, records)), headers: {} }
  if (body === 'payload') return { ...withType(payloadOf(record)), headers: fieldHeaders(record) }
  const content =
    batch === undefined
      ? envelopeOf(record, false)
      : { records: records.map((each) => envelopeOf(each, true)) }
  return { ...withType(JSON.stringify(content)), headers: {} }
}

/**
 * The id of a request. That of a batch is made of its records' ids: the same batch, sent again, has
 * the same.
 */
function requestIdOf(records: readonly [WalRecord, ...WalRecord[]]): string {
  if (records.length === 1) return records[0].id
  const ids = records.map(({ id }) => id).join(' ')
  return createHash('sha256').update(ids).digest('hex').slice(0, 32)
}

/** The request for these records, with everything that its headers carry. */
export function requestOf(
  records: readonly [WalRecord, ...WalRecord[]],
  { url, method }: HttpDestination,
  { headers, keys }: HttpCredentials,
  encoded: EncodedBody,
  settings: HttpSettings,
): HttpRequest {
  const [record] = records
  const id = requestIdOf(records)
  const { body, contentType } = encoded
  const own: Record<string, string> = { 'webhook-id': id }
  if (settings.idempotencyHeader !== undefined) own[settings.idempotencyHeader.toLowerCase()] = id
  if (keys.length > 0) {
    const timestampSeconds = Math.floor(settings.clock.now() / 1000)
    own['webhook-timestamp'] = String(timestampSeconds)
    own['webhook-signature'] = signatureOf({ id, timestampSeconds, body: body ?? '' }, keys)
  }
  const trace = records.length === 1 ? traceOf(record) : {}
  const type: HttpHeaders = contentType === undefined ? {} : { 'content-type': contentType }
  return {
    url,
    method,
    headers: { ...type, ...trace, ...encoded.headers, ...lowerCased(headers), ...own },
    body,
  }
}

function withType(body: HttpBody): Pick<EncodedBody, 'body' | 'contentType'> {
  if (body === undefined) return { body, contentType: undefined }
  const contentType = typeof body === 'string' ? 'application/json' : 'application/octet-stream'
  return { body, contentType }
}

function payloadOf({ payload }: WalRecord): HttpBody {
  return payload instanceof Uint8Array ? payload : JSON.stringify(payload)
}

/** Percent-encoded where a header cannot hold them as they are. */
function fieldHeaders({ key, op, version, origin }: WalRecord): HttpHeaders {
  const fields = {
    'daybook-op': op,
    'daybook-version': version.toString(),
    'daybook-origin': encodeURIComponent(origin),
  }
  return key === undefined ? fields : { ...fields, 'daybook-key': encodeURIComponent(key) }
}

function traceOf({ traceContext }: WalRecord): HttpHeaders {
  if (traceContext === undefined) return {}
  const { traceparent, tracestate } = traceContext
  return tracestate === undefined ? { traceparent } : { traceparent, tracestate }
}

function lowerCased(headers: HttpHeaders): HttpHeaders {
  return Object.fromEntries(
    Object.entries(headers).map(([name, value]) => [name.toLowerCase(), value]),
  )
}
