import { reasonOf } from '../error-text.ts'
import { WalError } from '../errors.ts'
import type { ReplayReport } from './replay.ts'

/** Raised by a replay that ended before its end: `cause` says why, `report` how far it came. */
export class ReplayError extends WalError {
  readonly report: ReplayReport

  constructor(namespace: string, report: ReplayReport, cause: unknown) {
    const reason = reasonOf(cause)
    super(
      'ERR_REPLAY_FAILED',
      `The replay of namespace '${namespace}' ended before its end, with ${report.sent} records sent: ` +
        `${reason} It can go on from { position: '${report.position}' }.`,
      { cause, retryable: cause instanceof WalError && cause.retryable },
    )
    this.report = report
  }
}
