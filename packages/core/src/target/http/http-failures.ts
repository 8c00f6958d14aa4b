import { codeOf, connectionCodeOf, errorChain, isOwnSideCode } from '../../connection-errors.ts'
import { type FailureOutcome, transient, unavailable } from '../target.ts'
import { NoAnswerInTime } from './http-exchange.ts'

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
  const chain = errorChain(error)
  const message = `${what}: ${chain.map(messageOf).filter(Boolean).join(': ')}`
  const outage = connectionCodeOf(error)
  if (outage !== undefined) {
    const isForAll = !isRecordsOwnUrl || isOwnSideCode(outage)
    return (isForAll ? unavailable : transient)(outage, message, { cause: error })
  }
  const code = chain.map(codeOf).find((code) => code !== undefined)
  return transient(code ?? 'HTTP_FAILED', message, { cause: error })
}

function messageOf(error: object): string {
  const { message } = error as { readonly message?: unknown }
  return typeof message === 'string' ? message : ''
}
