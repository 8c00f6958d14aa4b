import { WalError } from '../errors.ts'

/** A record of another region that is not taken for now; to be tried again after `retryAfterMs`. */
export class NotTakenError extends WalError {
  readonly retryAfterMs: number
  /** How far its version is ahead of this clock; 0 where that is not why. */
  readonly aheadMs: number

  constructor(
    code: 'ERR_VERSION_AHEAD' | 'ERR_UNKNOWN_REGION',
    message: string,
    { retryAfterMs, aheadMs }: { readonly retryAfterMs: number; readonly aheadMs: number },
  ) {
    super(code, message, { retryable: true })
    this.retryAfterMs = retryAfterMs
    this.aheadMs = aheadMs
  }
}
