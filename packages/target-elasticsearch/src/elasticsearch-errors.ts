import {
  type Clock,
  type FailureClass,
  type FailureDetails,
  type FailureOutcome,
  type HeldOutcome,
  systemClock,
} from '@daybook/core'
import { retryAfterMs } from './retry-after.ts'
import { StoreFailure } from './store-failure.ts'

/** What Elasticsearch, or its client, says of a call or of one item of a bulk. */
export interface Problem {
  /** HTTP status; undefined where no answer came. */
  readonly status: number | undefined
  /** The store's own word, such as `document_parsing_exception`, or the name of the client's error. */
  readonly type: string | undefined
  readonly reason: string | undefined
}

/**
 * - `index`: the index is not there, closed, blocked, without its shard, not ours to write, or not to be made just now. Where all
 *   records go into one index no record is to blame, and the target counts as unavailable. Where each
 *   names its own index, its records are held, and the others' go on meanwhile.
 * - `full`: the index is blocked because a disk is nearly full. The same, but throttled where it is the one of all.
 * - `pipeline`: the pipeline is not there. As `index`, but transient where each record names its own.
 */
type Verdict = FailureClass | 'index' | 'full' | 'pipeline'

/** What all of a target's records have in common: no record is to blame for it where it is amiss. */
export interface Shared {
  readonly index: boolean
  readonly pipeline: boolean
}

/** By the word, where the status says too little, or something else. */
const byType: Readonly<Record<string, Verdict>> = {
  // Errors of the client
  ConnectionError: 'unavailable',
  NoLivingConnectionsError: 'unavailable',
  ProductNotSupportedError: 'unavailable',
  ConfigurationError: 'unavailable',
  // The store may be frozen, or the batch too much for it. Core tells these apart by what else fails.
  TimeoutError: 'transient',
  // Not by our signal, or core would not listen: an answer larger than the client takes, say.
  RequestAbortedError: 'transient',
  DeserializationError: 'transient',
  SerializationError: 'permanent',
  ElasticsearchClientError: 'transient',
  // Errors of the store
  index_closed_exception: 'index',
  unavailable_shards_exception: 'index',
  no_shard_available_action_exception: 'index',
  // The master had no time to make the index.
  process_cluster_event_timeout_exception: 'index',
  // A client of another major version than the server: every call with a body is refused with it.
  media_type_header_exception: 'unavailable',
}

const byStatus: Readonly<Record<number, Verdict>> = {
  401: 'unavailable',
  403: 'index',
  404: 'index',
  // These are about the way to the store, never about a record.
  405: 'unavailable',
  406: 'unavailable',
  407: 'unavailable',
  408: 'unavailable',
  409: 'transient',
  415: 'unavailable',
  429: 'throttled',
  500: 'transient',
  502: 'unavailable',
  503: 'unavailable',
  504: 'unavailable',
}

/** Refusals of the record, by their words, that are of the set-up, by their reasons. */
const missingPipeline = /pipeline with id .* does not exist/
/** The index would have to be made, and the cluster has no room for its shards. */
const noRoom = /maximum [a-z ]*shards open/
/** A field would have to be mapped, and the master had no time for it: the bulk's time-out is over. */
const unmapped = /timed out while waiting for a dynamic mapping update/

/** By the word, where there is no status, as in what a read of many documents says of one. */
function verdictWithoutStatus(type: string, reason: string): Verdict | undefined {
  if (type === 'security_exception' || type === 'index_not_found_exception') return 'index'
  if (type !== 'cluster_block_exception') return undefined
  if (reason.includes('[TOO_MANY_REQUESTS/')) return 'full'
  return reason.includes('[SERVICE_UNAVAILABLE/') ? 'unavailable' : 'index'
}

function verdictOf({ status = 0, type = '', reason = '' }: Problem): Verdict {
  if (type === 'illegal_argument_exception' && missingPipeline.test(reason)) return 'pipeline'
  if (type === 'cluster_block_exception' && status === 429) return 'full'
  if (type === 'validation_exception' && noRoom.test(reason)) return 'index'
  if (type === 'mapper_exception' && unmapped.test(reason)) return 'index'
  const alone = status === 0 ? verdictWithoutStatus(type, reason) : undefined
  const known = alone ?? byType[type] ?? byStatus[status]
  if (known !== undefined) return known
  return status >= 400 && status < 500 ? 'permanent' : 'transient'
}

/** What a problem means for the record that it is said of. */
export function failureOf(problem: Problem, shared: Shared): FailureOutcome | HeldOutcome {
  return { status: statusFor(verdictOf(problem), shared), ...told(problem) }
}

function statusFor(verdict: Verdict, shared: Shared): FailureClass | 'held' {
  if (verdict === 'pipeline') return shared.pipeline ? 'unavailable' : 'transient'
  if (verdict === 'index') return shared.index ? 'unavailable' : 'held'
  if (verdict === 'full') return shared.index ? 'throttled' : 'held'
  return verdict
}

/** The same of a call as a whole: it says nothing of one index of many. */
function statusOfCall(verdict: Verdict): FailureClass {
  if (verdict === 'full') return 'throttled'
  return verdict === 'index' || verdict === 'pipeline' ? 'unavailable' : verdict
}

function told(problem: Problem): { readonly code: string; readonly message: string } {
  const code = problem.type ?? String(problem.status ?? 'unknown')
  const message = problem.reason ?? `Elasticsearch answers ${problem.status ?? 'nothing'}`
  return { code, message: `${message}${help(problem)}` }
}

/** What a call threw, to be thrown on. */
export function storeFailure(error: unknown, clock: Clock = systemClock): StoreFailure {
  const { headers } = (error ?? {}) as ClientError
  return callFailure(problemOf(error), { cause: error, retryAfterMs: retryAfterMs(headers, clock) })
}

/** What a problem means where it is a call's, and no record's. */
export function callFailure(problem: Problem, details: FailureDetails = {}): StoreFailure {
  const status = statusOfCall(verdictOf(problem))
  return new StoreFailure({ status, ...told(problem), ...details })
}

/** The status of an error that a call threw; undefined where no answer came. */
export function statusOf(error: unknown): number | undefined {
  return problemOf(error).status
}

interface ClientError {
  readonly name?: unknown
  readonly message?: unknown
  readonly statusCode?: unknown
  readonly headers?: unknown
  readonly body?: unknown
}

/** By name, not by class: there may be two copies of the client's package. */
function problemOf(error: unknown): Problem {
  const { name, message, statusCode, body } = (error ?? {}) as ClientError
  const reason = typeof message === 'string' ? message : String(error)
  if (name !== 'ResponseError' || typeof statusCode !== 'number') {
    return { status: undefined, type: typeof name === 'string' ? name : undefined, reason }
  }
  const told = itemProblem(statusCode, (body as { error?: unknown } | undefined)?.error)
  return { ...told, reason: told.reason ?? (reason === '' ? undefined : reason.slice(0, 1_000)) }
}

interface TypedError {
  readonly type?: unknown
  readonly reason?: unknown
  readonly caused_by?: { readonly reason?: unknown }
}

/** What an `error` in an answer says. */
export function itemProblem(status: number | undefined, error: unknown): Problem {
  if (typeof error === 'string') return { status, type: undefined, reason: error }
  const { type, reason, caused_by: cause } = (error ?? {}) as TypedError
  const because = typeof cause?.reason === 'string' ? `: ${cause.reason}` : ''
  return {
    status,
    type: typeof type === 'string' ? type : undefined,
    reason: typeof reason === 'string' ? `${reason}${because}` : undefined,
  }
}

/** What to do about it, where the store does not say. */
function help({ status, type }: Problem): string {
  if (type === 'media_type_header_exception') {
    return '. Take a client of the same major version as the server'
  }
  if (status === 401) return '. The credentials that the client was given are not accepted'
  if (status === 403 && type === 'security_exception') {
    return '. The client needs the privilege to write to the index'
  }
  return ''
}
