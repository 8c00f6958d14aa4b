import type { PayloadType } from '../config/payload-type.ts'
import { reasonOf } from '../error-text.ts'
import { WalError } from '../errors.ts'

type Result = Awaited<ReturnType<PayloadType<unknown>['~standard']['validate']>>
type Segment = PropertyKey | { readonly key: PropertyKey }

/**
 * The payload as its schema leaves it; a promise only where the schema's check is asynchronous.
 * Throws, or rejects with, `ERR_INVALID_PAYLOAD`, also where the schema itself fails.
 */
export function checkPayload(
  namespace: string,
  schema: PayloadType<unknown>,
  payload: unknown,
): unknown {
  let result: Result | Promise<Result>
  try {
    result = schema['~standard'].validate(payload)
  } catch (cause) {
    throw failedCheck(namespace, cause)
  }
  if (!(result instanceof Promise)) return accepted(namespace, result)
  return result.then(
    (settled) => accepted(namespace, settled),
    (cause: unknown) => {
      throw failedCheck(namespace, cause)
    },
  )
}

function accepted(namespace: string, result: Result): unknown {
  if (typeof result !== 'object' || result === null) {
    throw failedCheck(namespace, new TypeError(`its validate() answered ${String(result)}`))
  }
  if (result.issues === undefined) return result.value
  const reasons = result.issues.map(({ path, message }) =>
    path?.length ? `${path.map(segmentOf).join('.')}: ${message}` : message,
  )
  throw new WalError(
    'ERR_INVALID_PAYLOAD',
    `A payload for namespace '${namespace}' fails its schema: ${reasons.join('; ')}`,
  )
}

/** Whether the payload is right cannot be told, so it is not stored. */
function failedCheck(namespace: string, cause: unknown): WalError {
  const reason = reasonOf(cause)
  return new WalError(
    'ERR_INVALID_PAYLOAD',
    `The schema of namespace '${namespace}' failed while it checked a payload: ${reason}. Nothing was stored; mend the schema.`,
    { cause },
  )
}

function segmentOf(segment: Segment): string {
  return String(typeof segment === 'object' ? segment.key : segment)
}
