import type { WalRecord } from '../../record.ts'
import {
  applied,
  type FailureClass,
  type HeldOutcome,
  type Outcome,
  superseded,
  transient,
} from '../target.ts'
import type { HttpAnswer } from './http-exchange.ts'
import { type AnswerContext, type HttpReason, outcomeOfStatus } from './http-outcomes.ts'
import { statusClassOf } from './http-statuses.ts'

/** What an application may say of one record, as it stands in `results`. */
interface Result {
  readonly id: string
  /** A status of HTTP, or the name of an outcome. */
  readonly status: unknown
  readonly code?: unknown
  readonly message?: unknown
  readonly retryAfterMs?: unknown
}

type FailureName = FailureClass | HeldOutcome['status']

const failures: ReadonlySet<unknown> = new Set<FailureName>([
  'permanent',
  'transient',
  'throttled',
  'unavailable',
  'held',
])

/** In characters. */
const longestMessage = 300

/**
 * One outcome per record, from an answer in this form; undefined where it has no `results` at all.
 * A record that they do not name, or not so that it can be told, is tried again: with one that was refused
 * among them, nothing else is safe. Where they name nobody, a status that is a failure says more.
 *
 * ```json
 * { "results": [
 *   { "id": "0193…", "status": "applied" },
 *   { "id": "0194…", "status": 422, "code": "no_title", "message": "a film needs a title" },
 *   { "id": "0195…", "status": "throttled", "retryAfterMs": 2000 }
 * ] }
 * ```
 */
export function resultsOf(
  { body, isCut, status }: HttpAnswer,
  records: readonly WalRecord[],
  context: AnswerContext,
): readonly Outcome[] | undefined {
  const results = isCut ? undefined : parse(body)
  if (results === undefined) return undefined
  const byId = new Map(results.filter(isResult).map((result) => [result.id, result]))
  const namesSome = records.some(({ id }) => byId.has(id))
  if (!namesSome && statusClassOf(status) !== 'applied') return undefined
  return records.map(({ id }) => {
    const result = byId.get(id)
    if (result === undefined) return transient('HTTP_NO_RESULT', 'The answer has no result for it')
    return outcomeIn(result, context)
  })
}

function outcomeIn(result: Result, context: AnswerContext): Outcome {
  const { status } = result
  if (status === 'applied') return applied
  if (status === 'superseded') return superseded
  const reason = reasonOf(result, context)
  if (typeof status === 'number') return outcomeOfStatus(status, context, reason)
  if (failures.has(status)) {
    const name = status as FailureName
    return { ...reason, status: name, code: reason.code ?? `HTTP_${name.toUpperCase()}` }
  }
  const shown = String(status).slice(0, 80)
  return transient('HTTP_NO_RESULT', `The answer says of it '${shown}', which is no outcome`)
}

function reasonOf({ code, message, retryAfterMs }: Result, { redact }: AnswerContext): HttpReason {
  const shown = (text: string): string => redact(text).slice(0, longestMessage)
  const ownCode = textOf(code)
  return {
    code: ownCode && shown(ownCode),
    message: shown(textOf(message) ?? 'The application gave no reason'),
    retryAfterMs: typeof retryAfterMs === 'number' ? retryAfterMs : undefined,
  }
}

/** What stands in `results`, whatever it is; empty where that is no list, undefined where there is none. */
function parse(body: string): readonly unknown[] | undefined {
  if (body === '') return undefined
  try {
    const answer: unknown = JSON.parse(body)
    if (typeof answer !== 'object' || answer === null || !('results' in answer)) return undefined
    return Array.isArray(answer.results) ? answer.results : []
  } catch {
    return undefined
  }
}

function isResult(value: unknown): value is Result {
  return typeof value === 'object' && value !== null && typeof Reflect.get(value, 'id') === 'string'
}

function textOf(value: unknown): string | undefined {
  return typeof value === 'string' && value !== '' ? value : undefined
}
