import type { FailureClass, FailureOutcome } from '@daybook/core'

/**
 * A call that failed as a whole, thrown. Core takes it by its `status`, as it takes an outcome, and
 * halves the batch where that may tell which record is to blame.
 */
export class StoreFailure extends Error implements FailureOutcome {
  readonly status: FailureClass
  readonly code: string
  readonly retryAfterMs: number | undefined

  constructor({ status, code, message, retryAfterMs, cause }: FailureOutcome) {
    super(message, cause === undefined ? undefined : { cause })
    this.name = 'StoreFailure'
    this.status = status
    this.code = code
    this.retryAfterMs = retryAfterMs
  }
}
