import { type FailureOutcome, transient, unavailable } from '../target.ts'
import { NoAnswerInTime } from './http-exchange.ts'

/** How deep causes are followed. */
const deepestCause = 8

/** What is said where no connection can be made, or it breaks. */
const connectionCodes: ReadonlySet<string> = new Set([
  'EADDRNOTAVAIL',
  'EAI_AGAIN',
  'EAI_FAIL',
  'ECONNABORTED',
  'ECONNREFUSED',
  'ECONNRESET',
  'EHOSTDOWN',
  'EHOSTUNREACH',
  'EMFILE',
  'ENETDOWN',
  'ENETRESET',
  'ENETUNREACH',
  'ENFILE',
  'ENOTFOUND',
  'EPIPE',
  'EPROTO',
  'ETIMEDOUT',
  'UND_ERR_CLOSED',
  'UND_ERR_CONNECT_TIMEOUT',
  'UND_ERR_DESTROYED',
  'UND_ERR_PRX_TLS',
  'UND_ERR_SOCKET',
])

/** Those that speak of this process and what it goes through, whichever host was asked. */
const ownSideCodes: ReadonlySet<string> = new Set([
  'EADDRNOTAVAIL',
  'EMFILE',
  'ENETDOWN',
  'ENFILE',
  'UND_ERR_CLOSED',
  'UND_ERR_DESTROYED',
  'UND_ERR_PRX_TLS',
])

/** What OpenSSL says of a certificate that it does not take. */
const certificateCodes: ReadonlySet<string> = new Set([
  'CERT_HAS_EXPIRED',
  'CERT_NOT_YET_VALID',
  'CERT_REVOKED',
  'CERT_SIGNATURE_FAILURE',
  'CERT_UNTRUSTED',
  'DEPTH_ZERO_SELF_SIGNED_CERT',
  'HOSTNAME_MISMATCH',
  'INVALID_CA',
  'SELF_SIGNED_CERT_IN_CHAIN',
  'UNABLE_TO_GET_ISSUER_CERT',
  'UNABLE_TO_GET_ISSUER_CERT_LOCALLY',
  'UNABLE_TO_VERIFY_LEAF_SIGNATURE',
])

/** What fetch's parser calls an answer that is not HTTP; it may have no code. */
const parserError = 'HTTPParserError'

/** Beginnings of codes: of TLS, and of that parser's. */
const connectionPrefixes = ['ERR_TLS_', 'ERR_SSL_', 'HPE_', parserError]

/**
 * What a request that got no answer says. A connection that cannot be made, or breaks, is an outage;
 * an answer that does not come in time may be this request's fault, and so may what is not known. Where
 * the address is the record's own, a host that is down is no outage of the others.
 */
export function failureOf(
  what: string,
  error: unknown,
  { isRecordsOwnUrl }: { readonly isRecordsOwnUrl: boolean },
): FailureOutcome {
  if (error instanceof NoAnswerInTime) {
    return transient('HTTP_TIMEOUT', `${what}: ${error.message}`, { cause: error })
  }
  const chain = chainOf(error, 0)
  const message = `${what}: ${chain.map(messageOf).filter(Boolean).join(': ')}`
  const codes = chain.map(codeOf).filter((code) => code !== undefined)
  const outage = codes.find(isOutage)
  if (outage !== undefined) {
    const isForAll = !isRecordsOwnUrl || ownSideCodes.has(outage)
    return (isForAll ? unavailable : transient)(outage, message, { cause: error })
  }
  return transient(codes[0] ?? 'HTTP_FAILED', message, { cause: error })
}

function isOutage(code: string): boolean {
  return (
    connectionCodes.has(code) ||
    certificateCodes.has(code) ||
    connectionPrefixes.some((prefix) => code.startsWith(prefix))
  )
}

/** The error, its causes, and those of a host of several addresses, which are tried in turn. */
function chainOf(error: unknown, depth: number): readonly unknown[] {
  if (typeof error !== 'object' || error === null || depth > deepestCause) return []
  const { cause, errors } = error as { readonly cause?: unknown; readonly errors?: unknown }
  const inner = [cause, ...(Array.isArray(errors) ? errors.slice(0, deepestCause) : [])]
  return [error, ...inner.flatMap((each) => chainOf(each, depth + 1))]
}

function codeOf(error: unknown): string | undefined {
  const { code, name } = error as { readonly code?: unknown; readonly name?: unknown }
  if (typeof code === 'string') return code
  return name === parserError ? parserError : undefined
}

function messageOf(error: unknown): string {
  const { message } = error as { readonly message?: unknown }
  return typeof message === 'string' ? message : ''
}
