import { WalError } from '@daybook/core'

/** PostgreSQL answered, so whatever it was asked to do was not done. */
export function isRefusal(cause: unknown): boolean {
  // Classes 08 and 57 are about connections that end: the answer to a commit may be lost with them.
  const code = (cause as { code?: unknown } | undefined)?.code
  return typeof code === 'string' && /^[0-9A-Z]{5}$/.test(code) && !/^(08|57)/.test(code)
}

/** Nothing was sent: nobody listens there. */
export function isUnreached(cause: unknown): boolean {
  const code = (cause as { code?: unknown } | undefined)?.code
  return code === 'ECONNREFUSED' || code === 'ENOTFOUND'
}

export function postgresError(what: string, cause: unknown): WalError {
  const reason = cause instanceof Error ? cause.message || cause.name : String(cause)
  return new WalError('ERR_IO', `${what}: ${reason}.`, { retryable: true, cause })
}
