import { reasonOf } from '../../error-text.ts'
import { orAborted } from '../or-aborted.ts'
import { type FailureOutcome, transient, unavailable } from '../target.ts'
import { type HttpHeaders, type HttpSettings, headerProblem } from './http-options.ts'
import { type HttpSigningKey, keyProblem } from './http-signing.ts'

/** What a request is sent with beside the record: the caller's headers, and keys that sign it. */
export interface HttpCredentials {
  readonly headers: HttpHeaders
  readonly keys: readonly HttpSigningKey[]
}

type CredentialSources = Pick<HttpSettings, 'headers' | 'signingKeys' | 'isSigned'>

/** Asks for them, as both may come from a function. Where they cannot be had, no record is to blame. */
export async function credentialsOf(
  { headers: headersOf, signingKeys, isSigned }: CredentialSources,
  signal: AbortSignal,
): Promise<HttpCredentials | FailureOutcome> {
  let asking = 'headers'
  try {
    const headers = checkedHeaders(await orAborted(headersOf(), signal))
    asking = 'signing'
    return { headers, keys: checkedKeys(await orAborted(signingKeys(), signal), isSigned) }
  } catch (cause) {
    if (signal.aborted) return transient('HTTP_ABORTED', 'It was given up')
    const why = reasonOf(cause)
    return unavailable(`HTTP_${asking.toUpperCase()}`, `${asking}() failed: ${why}`, { cause })
  }
}

function checkedHeaders(headers: HttpHeaders): HttpHeaders {
  for (const [name, value] of Object.entries(headers)) {
    const problem = headerProblem(name, value)
    if (problem !== undefined) throw new Error(problem)
  }
  return headers
}

function checkedKeys(
  keys: readonly HttpSigningKey[],
  isSigned: boolean,
): readonly HttpSigningKey[] {
  if (isSigned && keys.length === 0) throw new Error('it answered no key')
  for (const key of keys) {
    const problem = keyProblem(key)
    if (problem !== undefined) throw new Error(problem)
  }
  return keys
}
