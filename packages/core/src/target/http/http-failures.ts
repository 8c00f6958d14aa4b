import { codeOf, connectionCodeOf, errorChain, isOwnSideCode } from '../../connection-errors.ts'
import { type FailureOutcome, transient, unavailable } from '../target.ts'
import { NoAnswerInTime } from './request-limit.ts'

/**
 * What a request that got no answer says. A connection that cannot be made, or breaks, is an outage;
 * an answer that does not come in time may be this request's fault, and so may what is not known.
 */
export function failureOf(what: string, error: unknown): FailureOutcome {
  if (error instanceof NoAnswerInTime) {
    return transient('HTTP_TIMEOUT', `${what}: ${error.message}`, { cause: error })
  }
  const chain = errorChain(error)
  const message = `${what}: ${chain.map(messageOf).filter(Boolean).join(': ')}`
  const outage = connectionCodeOf(error)
  if (outage !== undefined) return unavailable(outage, message, { cause: error })
  const code = chain.map(codeOf).find((code) => code !== undefined)
  return transient(code ?? 'HTTP_FAILED', message, { cause: error })
}

/** True for an outage that one host has; false for one of this process, which all hosts have in common. */
export function isOfHost({ status, code }: FailureOutcome): boolean {
  return status === 'unavailable' && !isOwnSideCode(code)
}

function messageOf(error: object): string {
  const { message } = error as { readonly message?: unknown }
  return typeof message === 'string' ? message : ''
}
