import type { Clock } from '../../clock.ts'
import { applied, type FailureClass, type Outcome, superseded } from '../target.ts'
import { type HttpAnswer, shownUrl } from './http-exchange.ts'
import { isOfWholeHost, statusClassOf } from './http-statuses.ts'
import { retryAfterMsOf } from './retry-after.ts'

/** What is known of the target beside an answer. */
export interface AnswerContext {
  readonly idempotency: 'id' | 'version'
  /**
   * True if the address is that of the record: what is gone there is gone for this record only, and
   * a host that is down must not stop the records of others.
   */
  readonly isRecordsOwnUrl: boolean
  readonly clock: Clock
  /** Takes credentials out of a text that the application sent. */
  readonly redact: (text: string) => string
}

/** How much of an answer a message shows, in characters. */
const longestExcerpt = 300

/** What an answer says of all that its request carried, by the table of status classes. */
export function outcomeOf(answer: HttpAnswer, context: AnswerContext): Outcome {
  const { status, headers } = answer
  if (statusClassOf(status) === 'applied' || isRemovalOfNothing(answer, context)) return applied
  return outcomeOfStatus(status, context, {
    code: isRedirect(answer) ? 'HTTP_REDIRECT' : undefined,
    message: describe(answer, context.redact),
    retryAfterMs: retryAfterMsOf(headers, context.clock),
  })
}

/** What the application gives as its reason. */
export interface HttpReason {
  readonly code: string | undefined
  readonly message: string
  readonly retryAfterMs: number | undefined
}

/** What a status says, of a request or, in an answer for each record, of one record. */
export function outcomeOfStatus(
  status: number,
  { idempotency, isRecordsOwnUrl }: AnswerContext,
  { code = `HTTP_${status}`, message, retryAfterMs }: HttpReason,
): Outcome {
  const failure = (kind: FailureClass): Outcome => ({ status: kind, code, message, retryAfterMs })
  const meaning = statusClassOf(status)
  if (meaning === 'applied') return applied
  if (meaning === 'conflict') return idempotency === 'version' ? superseded : failure('transient')
  if (meaning === 'gone') return failure(isRecordsOwnUrl ? 'permanent' : 'unavailable')
  const isOfAddress = isRecordsOwnUrl && meaning === 'unavailable' && !isOfWholeHost(status)
  return failure(isOfAddress ? 'transient' : meaning)
}

/** What a `DELETE` was to remove is not there. At an address for all records it is the endpoint that is not. */
function isRemovalOfNothing(
  { status, request }: HttpAnswer,
  { isRecordsOwnUrl }: AnswerContext,
): boolean {
  return isRecordsOwnUrl && request.method === 'DELETE' && (status === 404 || status === 410)
}

function isRedirect({ status, headers }: HttpAnswer): boolean {
  return status >= 300 && status < 400 && headers.get('location') !== null
}

function describe(answer: HttpAnswer, redact: (text: string) => string): string {
  const { status, body, request } = answer
  const answered = `${request.method} ${request.url} answered ${status}`
  if (isRedirect(answer)) return `${answered}: ${redirectAdvice(answer)}`
  const excerpt = redact(body).replaceAll(/\s+/g, ' ').trim().slice(0, longestExcerpt)
  return excerpt === '' ? answered : `${answered}: ${excerpt}`
}

function redirectAdvice({ headers, request }: HttpAnswer): string {
  const to = URL.parse(headers.get('location') ?? '', request.url)
  const where = to === null ? 'elsewhere' : `to ${shownUrl(to)}`
  return `it redirects ${where}, which is not followed; give the address that it leads to`
}
