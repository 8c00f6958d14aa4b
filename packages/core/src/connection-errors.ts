/** What is said where no connection can be made, or it breaks: by the system, and by Node's fetch. */
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

/** Those of a connection that was not even made, so that nothing was sent. `ETIMEDOUT` may come later. */
const unmadeCodes: ReadonlySet<string> = new Set([
  'EADDRNOTAVAIL',
  'EAI_AGAIN',
  'EAI_FAIL',
  'ECONNREFUSED',
  'EHOSTDOWN',
  'EHOSTUNREACH',
  'EMFILE',
  'ENETDOWN',
  'ENETUNREACH',
  'ENFILE',
  'ENOTFOUND',
  'ERR_TLS_CERT_ALTNAME_INVALID',
  'UND_ERR_CONNECT_TIMEOUT',
  'UND_ERR_PRX_TLS',
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

/** How deep causes are followed. */
const deepestCause = 8
/** Errors of one chain that are looked at: a host may have many addresses, and each of them a cause. */
const mostErrors = 64

/**
 * The first code of an error, or of what caused it, that says that no connection could be made, or that
 * it broke; undefined if none does. An answer that does not come in time (`UND_ERR_HEADERS_TIMEOUT`) is
 * none of these: the connection stands, and the request may be to blame.
 */
export function connectionCodeOf(error: unknown): string | undefined {
  return errorChain(error).map(codeOf).find(isConnectionCode)
}

/** True where no connection was made: whatever was to be sent has not caused it. */
export function isUnmadeCode(code: string): boolean {
  return unmadeCodes.has(code) || certificateCodes.has(code)
}

/** True for the code of a failure of this process, whichever host it wanted to reach. */
export function isOwnSideCode(code: string): boolean {
  return ownSideCodes.has(code)
}

/** The error, its causes, and those of a host of several addresses, which are tried in turn. */
export function errorChain(error: unknown): readonly object[] {
  const chain = new Set<object>()
  gather(error, 0, chain)
  return [...chain]
}

/** The code of an error, if it has one. */
export function codeOf(error: object): string | undefined {
  const { code, name } = error as { readonly code?: unknown; readonly name?: unknown }
  if (typeof code === 'string') return code
  return name === parserError ? parserError : undefined
}

function isConnectionCode(code: string | undefined): boolean {
  if (code === undefined) return false
  return (
    connectionCodes.has(code) ||
    certificateCodes.has(code) ||
    connectionPrefixes.some((prefix) => code.startsWith(prefix))
  )
}

function gather(error: unknown, depth: number, chain: Set<object>): void {
  if (typeof error !== 'object' || error === null || chain.has(error)) return
  if (depth > deepestCause || chain.size >= mostErrors) return
  chain.add(error)
  const { cause, errors } = error as { readonly cause?: unknown; readonly errors?: unknown }
  gather(cause, depth + 1, chain)
  if (Array.isArray(errors)) for (const each of errors) gather(each, depth + 1, chain)
}
