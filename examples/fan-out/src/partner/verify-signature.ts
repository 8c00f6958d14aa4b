import { createHmac, timingSafeEqual } from 'node:crypto'
import type { IncomingHttpHeaders } from 'node:http'

/** How far a request's time may be from ours. Source: the Standard Webhooks specification, "Verifying webhook authenticity". */
const toleranceSeconds = 5 * 60

/**
 * Why a request is not to be believed; undefined if it was signed with the secret just now. A webhook's
 * receiver does this by the specification of Standard Webhooks, with a library of its choice or, as here, without.
 */
export function signatureProblem(
  headers: IncomingHttpHeaders,
  body: string,
  secret: string,
  nowMs = Date.now(),
): string | undefined {
  const { 'webhook-id': id, 'webhook-timestamp': timestamp, 'webhook-signature': given } = headers
  if (typeof id !== 'string' || typeof timestamp !== 'string' || typeof given !== 'string') {
    return 'it is not signed'
  }
  const ageSeconds = Math.abs(nowMs / 1_000 - Number(timestamp))
  if (!(ageSeconds <= toleranceSeconds)) return 'it was not signed just now'
  const key = Buffer.from(secret.replace('whsec_', ''), 'base64')
  const right = createHmac('sha256', key).update(`${id}.${timestamp}.${body}`).digest()
  // Several where the sender changes over from one secret to the next: one that is right is enough.
  const isRight = given.split(' ').some((signature) => {
    const [version, text = ''] = signature.split(',')
    const bytes = Buffer.from(text, 'base64')
    return version === 'v1' && bytes.length === right.length && timingSafeEqual(bytes, right)
  })
  return isRight ? undefined : 'its signature is wrong'
}
