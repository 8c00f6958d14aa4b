import { Buffer } from 'node:buffer'
import { orAborted } from '../or-aborted.ts'

/** The body of a request: whole, as text or bytes, or as it comes, such as the request of `node:http` itself. */
export type ForwardBody = string | Uint8Array | AsyncIterable<Uint8Array>

/** Why a body is not taken, and the HTTP status that says so. */
export class BodyError extends Error {
  readonly status: 400 | 408 | 413

  constructor(status: 400 | 408 | 413, message: string, cause?: unknown) {
    super(message, { cause })
    this.status = status
  }
}

/**
 * The text of a body of so many bytes at most. Bytes are put together before they are decoded: a character may lie over
 * two chunks. Rejects with `BodyError`, also once the signal aborts, and has let go of the rest of the body then.
 */
export async function textOf(
  body: ForwardBody,
  maxBytes: number,
  signal: AbortSignal,
): Promise<string> {
  if (typeof body === 'string') {
    if (body.length > maxBytes || Buffer.byteLength(body) > maxBytes) throw tooLarge(maxBytes)
    return body
  }
  return decoded(
    body instanceof Uint8Array ? bounded([body], maxBytes) : await read(body, maxBytes, signal),
  )
}

async function read(
  body: AsyncIterable<Uint8Array>,
  maxBytes: number,
  signal: AbortSignal,
): Promise<Uint8Array> {
  if (typeof body?.[Symbol.asyncIterator] !== 'function') {
    throw new TypeError(
      'The body must be a string, bytes, or the request itself: nothing that was parsed',
    )
  }
  const chunks: Uint8Array[] = []
  let bytes = 0
  try {
    for await (const chunk of untilAborted(body, signal)) {
      chunks.push(typeof chunk === 'string' ? Buffer.from(chunk) : chunk)
      bytes += chunk.length
      // Leaving the loop ends the body, too.
      if (bytes > maxBytes) break
    }
  } catch (cause) {
    // Not 400: where a proxy passes the status on, no record is to blame.
    throw new BodyError(408, 'The body ended early: nothing of it was taken', cause)
  }
  return bounded(chunks, maxBytes)
}

/** Who sends half a body and then nothing would be waited for as long as the server allows. */
async function* untilAborted<T>(body: AsyncIterable<T>, signal: AbortSignal): AsyncGenerator<T> {
  const pieces = body[Symbol.asyncIterator]()
  try {
    for (;;) {
      const next = await orAborted(pieces.next(), signal)
      if (next.done === true) return
      yield next.value
    }
  } finally {
    // Not waited for: it may stand behind the piece that does not come.
    pieces.return?.().catch(() => {})
  }
}

function bounded(chunks: readonly Uint8Array[], maxBytes: number): Uint8Array {
  const whole = chunks.length === 1 && chunks[0] ? chunks[0] : Buffer.concat(chunks)
  if (whole.byteLength > maxBytes) throw tooLarge(maxBytes)
  return whole
}

function tooLarge(maxBytes: number): BodyError {
  return new BodyError(
    413,
    `The body has more than ${maxBytes} bytes (maxBytes of forwardReceiver): send smaller batches (batch.maxBytes of httpTarget)`,
  )
}

function decoded(bytes: Uint8Array): string {
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes)
  } catch (cause) {
    throw new BodyError(400, 'The body is not UTF-8: nothing of it was taken', cause)
  }
}
