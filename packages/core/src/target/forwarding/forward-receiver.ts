import { Buffer } from 'node:buffer'
import { isWalError } from '../../errors.ts'
import type { ForwardedRecord } from '../../record.ts'
import type { ForwardingNamespace } from '../wal/wal-target.ts'
import { outcomeOfSend } from './durable-outcome.ts'

/** What is to be answered to a request that forwards records. */
export interface ForwardAnswer {
  readonly status: 200 | 400 | 503
  /** JSON, for `content-type: application/json`. */
  readonly body: string
}

/**
 * The receiving end of `httpTarget` with `batch: true`, for a namespace of this process: takes the text of a
 * request, forwards its records into the namespace, and says what to answer. Each record has a result of its own. It
 * knows no server and no credentials: check these, and a signature, before.
 *
 * @example
 * const receive = forwardReceiver(wal.namespace('titles'))
 * server.post('/titles', async (request, response) => {
 *   const { status, body } = await receive(request.body)
 *   response.status(status).type('application/json').send(body)
 * })
 */
export function forwardReceiver<P>(
  namespace: ForwardingNamespace<P>,
): (body: string) => Promise<ForwardAnswer> {
  return async (body) => {
    const records = recordsIn(body)
    if (records === undefined) return refusal(400, notRecords)
    try {
      return { status: 200, body: JSON.stringify({ results: await forward(namespace, records) }) }
    } catch (error) {
      // Such as a wal that is closing: nothing is said of the records.
      if (isWalError(error)) return refusal(503, `${error.code}: ${error.message}`)
      throw error
    }
  }
}

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
): Promise<readonly object[]> {
  const { signal } = new AbortController()
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

function refusal(status: 400 | 503, error: string): ForwardAnswer {
  return { status, body: JSON.stringify({ error }) }
}
