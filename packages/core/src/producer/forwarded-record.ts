import { shown } from '../error-text.ts'
import { WalError } from '../errors.ts'
import type { ForwardedRecord, Op } from '../record.ts'
import { isRecordId } from '../record-id.ts'
import { checkHeaders, checkTraceContext, isInstant, isKey, isOp, refused } from './check-fields.ts'

const longestOrigin = 100

/** Checks everything but the version and what the payload holds. Throws `ERR_INVALID_RECORD`. */
export function checkForwarded(
  record: ForwardedRecord,
  { namespace, order }: { readonly namespace: string; readonly order: 'key' | 'none' },
): void {
  if (typeof record !== 'object' || record === null) {
    throw refused(namespace, `a forwarded record is an object, not ${shown(record)}`)
  }
  const { id, key, op, payload, headers, writtenAt, origin, traceContext } = record
  const problem =
    (!isRecordId(id) && `the id is ${shown(id)}; it must be a UUID in lower case`) ||
    (!isOp(op) && `op is ${shown(op)}; it must be 'put', 'patch' or 'delete'`) ||
    ((key === undefined ? order === 'key' : !isKey(key)) && `the key is ${shown(key)}`) ||
    (!isInstant(writtenAt) && `writtenAt is ${shown(writtenAt)}`) ||
    (!isOrigin(origin) && `the origin is ${shown(origin)}; it must be the name of a region`) ||
    (op !== ('delete' satisfies Op) && payload === undefined && `a ${op} has a payload`)
  if (problem) throw refused(namespace, `a forwarded record is wrong: ${problem}`)
  checkHeaders(namespace, headers)
  if (traceContext !== undefined) checkTraceContext(namespace, traceContext)
}

function isOrigin(origin: unknown): boolean {
  if (typeof origin !== 'string' || origin === '' || origin.length > longestOrigin) return false
  return origin.isWellFormed()
}

/** The error of a record whose version this clock has not come near to. */
export function versionAhead(namespace: string, version: bigint, aheadMs: bigint): WalError {
  return new WalError(
    'ERR_VERSION_AHEAD',
    `A forwarded record for namespace '${namespace}' has version ${version}, ${aheadMs} ms ahead of this machine's clock; the most is a day (86400000 ms). Nothing written here could beat it: check both clocks`,
    { retryable: true },
  )
}
