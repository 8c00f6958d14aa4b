import { Buffer } from 'node:buffer'
import * as v from 'valibot'
import { ConfigError } from '../../config/config-error.ts'
import type { Size } from '../../config/quantity.ts'
import { isWalError } from '../../errors.ts'
import type { ForwardedRecord } from '../../record.ts'
import { checkOptions, size } from '../check-options.ts'
import type { ForwardingNamespace } from '../wal/wal-target.ts'
import { outcomeOfSend } from './durable-outcome.ts'
import { BodyError, type ForwardBody, textOf } from './received-body.ts'

/** What is to be answered to a request that forwards records. */
export interface ForwardAnswer {
  /**
   * 200: the body has a result for each record. 400: it is no batch of records, or not UTF-8. 408: it ended early, or the signal
   * aborted before its end. 413: it is larger than `maxBytes`. 503: this wal takes nothing now, as while it closes.
   */
  readonly status: 200 | 400 | 408 | 413 | 503
  /** JSON, for `content-type: application/json`. */
  readonly body: string
}

/** Options of {@link forwardReceiver}. */
export interface ForwardReceiverOptions {
  /**
   * Most bytes of a request's body. Default `'16mb'`, well above what `httpTarget` sends at a time (1 MiB of payloads unless
   * its `batch` says otherwise, or one record that is larger).
   */
  readonly maxBytes?: Size | undefined
}

/** Takes the body of a request, and says what to answer; `signal` gives the body up, or the records. */
export type ReceiveForwarded = (
  body: ForwardBody,
  options?: { readonly signal?: AbortSignal | undefined },
) => Promise<ForwardAnswer>

/**
 * The receiving end of `httpTarget` with `batch: true`, for a namespace of this process: takes the body of a
 * request, forwards its records into the namespace, and says what to answer. Each record has a result of its own. It
 * knows no server and no credentials: check these, and a signature, before.
 *
 * Give it the request itself, or its bytes: text that was put together from decoded chunks has lost the characters that
 * lay over two of them. What is wrong with a body is an answer, and nothing of it is stored; only what is no body at all, and what
 * `forward` rejects with beside the errors of this library, is a rejection.
 *
 * Throws `ConfigError` for a namespace that is none, and for options that are wrong or unknown.
 *
 * @example
 * const receive = forwardReceiver(wal.namespace('titles'))
 * createServer(async (request, response) => {
 *   const { status, body } = await receive(request)
 *   response.writeHead(status, { 'content-type': 'application/json' }).end(body)
 * })
 */
export function forwardReceiver<P>(
  namespace: ForwardingNamespace<P>,
  options: ForwardReceiverOptions = {},
): ReceiveForwarded {
  if (typeof namespace?.forward !== 'function') {
    const reason = 'must be a namespace, or what has its `forward`'
    throw new ConfigError([{ path: 'forwardReceiver.namespace', reason }])
  }
  const { maxBytes } = checkOptions('forwardReceiver', schema, options)
  return async (body, { signal = new AbortController().signal } = {}) => {
    try {
      const records = recordsIn(await textOf(body, maxBytes, signal))
      if (records === undefined) return refusal(400, notRecords)
      const results = await forward(namespace, records, signal)
      return { status: 200, body: JSON.stringify({ results }) }
    } catch (error) {
      if (error instanceof BodyError) return refusal(error.status, error.message)
      // Such as a wal that is closing: nothing is said of the records.
      if (isWalError(error)) return refusal(503, `${error.code}: ${error.message}`)
      throw error
    }
  }
}

const schema = v.strictObject({ maxBytes: v.optional(size, 16 * 1024 ** 2) })

const notRecords =
  "The body is no JSON of the form { records: [ … ] }, each with an id: send it with httpTarget's batch, and no body of its own"

/** What may be a record; whatever is wrong with it is said in its receipt. */
interface Sent {
  readonly id: string
  readonly version?: unknown
  readonly payload?: unknown
  readonly payloadEncoding?: unknown
}

async function forward<P>(
  namespace: ForwardingNamespace<P>,
  sent: readonly Sent[],
  signal: AbortSignal,
): Promise<readonly object[]> {
  const receipts = await namespace.forward(sent.map(recordOf<P>), { signal })
  return sent.map(({ id }, index) => {
    const outcome = outcomeOfSend('The wal', receipts[index])
    if (!('code' in outcome)) return { id, status: outcome.status }
    const { status, code, message, retryAfterMs } = outcome
    return { id, status, code, message, retryAfterMs }
  })
}

function recordOf<P>(sent: Sent): ForwardedRecord<P> {
  const { version, payload, payloadEncoding, ...fields } = sent
  const isBytes = payloadEncoding === 'base64' && typeof payload === 'string'
  const record = {
    ...fields,
    version: typeof version === 'string' && /^\d{1,19}$/.test(version) ? BigInt(version) : version,
    payload: isBytes ? new Uint8Array(Buffer.from(payload, 'base64')) : payload,
  }
  return record as unknown as ForwardedRecord<P>
}

function recordsIn(body: string): readonly Sent[] | undefined {
  try {
    const { records } = JSON.parse(body) as { readonly records?: unknown }
    return Array.isArray(records) && records.every(isSent) ? records : undefined
  } catch {
    return undefined
  }
}

function isSent(value: unknown): value is Sent {
  return typeof value === 'object' && value !== null && typeof Reflect.get(value, 'id') === 'string'
}

function refusal(status: ForwardAnswer['status'], error: string): ForwardAnswer {
  return { status, body: JSON.stringify({ error }) }
}
