import { connectionCodeOf } from '../connection-errors.ts'
import type { AttemptClass } from '../consumer/consumer.ts'
import { reasonOf } from '../error-text.ts'
import { isWalError, type WalErrorCode } from '../errors.ts'
import type { FailureClass, FailureOutcome, HeldOutcome } from '../target/target.ts'

/** Why an attempt did not succeed. */
export type Failure = FailedAttempt | HeldBack

/** Something is wrong, with the record or with its target. */
export interface FailedAttempt extends FailureReason {
  readonly class: Exclude<AttemptClass, 'interrupted'>
}

/** The record is put off by itself. */
export interface HeldBack extends FailureReason {
  readonly class: 'held'
  /** Which part of the target is away, where it said so. */
  readonly part?: string | undefined
  /** Nothing was sent for it. */
  readonly untried?: boolean | undefined
}

interface FailureReason {
  readonly code: string
  readonly message: string
  /** How long to wait, in ms, where the target said so; at most an hour. */
  readonly retryAfterMs?: number | undefined
}

/** However long a target asks for, it is asked again after an hour: it may have mistaken its unit. */
const longestRetryAfterMs = 3_600_000

const classByCode: ReadonlyMap<WalErrorCode, Failure['class']> = new Map([
  ['ERR_PERMANENT', 'permanent'],
  ['ERR_TRANSIENT', 'transient'],
  ['ERR_THROTTLED', 'throttled'],
  ['ERR_UNAVAILABLE', 'unavailable'],
  ['ERR_APPLY_TIMEOUT', 'timeout'],
])

const failureClasses: ReadonlySet<unknown> = new Set<FailureClass | 'held'>([
  'permanent',
  'transient',
  'throttled',
  'unavailable',
  'held',
])

/**
 * Tells what a target threw. An error of this library goes by its code, a failure outcome by its
 * status, a broken connection (also as a cause) is `unavailable`. Whatever is not known is
 * `transient`: it may be an outage, and is retried.
 */
export function classifyError(error: unknown): Failure {
  if (isFailureOutcome(error)) return failureOf(error)
  const code = codeOf(error)
  const message = reasonOf(error)
  const retryAfterMs = retryAfterOf(error)
  const byCode = isWalError(error) ? classByCode.get(error.code) : undefined
  if (byCode !== undefined) return { class: byCode, code, message, retryAfterMs }
  const connection = connectionCodeOf(error)
  if (connection !== undefined) {
    return { class: 'unavailable', code: connection, message, retryAfterMs }
  }
  return { class: 'transient', code, message, retryAfterMs }
}

/** A target's failure outcome, as a failure. */
export function failureOf(outcome: FailureOutcome | HeldOutcome): Failure {
  const { status, code, message } = outcome
  const retryAfterMs = retryAfterOf(outcome)
  if (status !== 'held') return { class: status, code, message, retryAfterMs }
  const { part, untried } = outcome
  return { class: status, code, message, retryAfterMs, part, untried }
}

/** True for what `permanent`, `transient`, `throttled`, `unavailable` and `held` make. */
export function isFailureOutcome(value: unknown): value is FailureOutcome | HeldOutcome {
  if (typeof value !== 'object' || value === null) return false
  const { status, code, message } = value as Partial<FailureOutcome>
  return failureClasses.has(status) && typeof code === 'string' && typeof message === 'string'
}

function codeOf(error: unknown): string {
  if (typeof error !== 'object' || error === null) return 'UNKNOWN'
  const { code, name } = error as { readonly code?: unknown; readonly name?: unknown }
  if (typeof code === 'string' && code !== '') return code
  if (typeof code === 'number') return String(code)
  return typeof name === 'string' && name !== '' ? name : 'UNKNOWN'
}

function retryAfterOf(value: unknown): number | undefined {
  if (typeof value !== 'object' || value === null) return undefined
  const { retryAfterMs } = value as { readonly retryAfterMs?: unknown }
  if (typeof retryAfterMs !== 'number' || !(retryAfterMs >= 0)) return undefined
  return Number.isFinite(retryAfterMs) ? Math.min(retryAfterMs, longestRetryAfterMs) : undefined
}
