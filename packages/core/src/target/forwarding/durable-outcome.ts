import type { WalErrorCode } from '../../errors.ts'
import type { SendOutcome } from '../../producer/producer.ts'
import { applied, type FailureClass, type HeldOutcome, type Outcome, permanent } from '../target.ts'

/**
 * The one table of why a record is not durable where it was sent. What is not in it says something of
 * the queue, and nothing of the record: an outage, in which no attempt is spent.
 */
const classByCode: Partial<Readonly<Record<WalErrorCode, FailureClass | HeldOutcome['status']>>> = {
  ERR_INVALID_DELAY: 'permanent',
  ERR_INVALID_PAYLOAD: 'permanent',
  ERR_INVALID_RECORD: 'permanent',
  ERR_NOT_SERIALIZABLE: 'permanent',
  ERR_PAYLOAD_TOO_LARGE: 'permanent',
  ERR_PERMANENT: 'permanent',
  ERR_OVERLOADED: 'throttled',
  ERR_THROTTLED: 'throttled',
  ERR_TRANSIENT: 'transient',
  ERR_UNKNOWN_REGION: 'held',
  ERR_VERSION_AHEAD: 'held',
}

/**
 * What the answer of a queue, or the receipt of a wal, says of a forwarded record. After `'unknown'`
 * it is sent once more, with the same id: a second copy is harmless, a lost record is not.
 */
export function outcomeOfSend(where: string, outcome: SendOutcome | undefined): Outcome {
  const { durable, error } = outcome ?? { durable: 'unknown' }
  if (durable === 'yes') return applied
  const code = error?.code ?? 'ERR_NOT_DURABLE'
  const reason = error?.message ?? 'it gave no reason'
  return {
    status: classByCode[code] ?? 'unavailable',
    code,
    message: `${where} answered '${durable}': ${reason}`,
    retryAfterMs: (error as { readonly retryAfterMs?: number } | undefined)?.retryAfterMs,
    cause: error,
  }
}

/** A record that has been in more places than any path has. */
export const lostOnItsWay: Outcome = permanent(
  'FORWARD_CIRCLE',
  'It was forwarded from one place to the next too often: the targets of these form a circle',
)
