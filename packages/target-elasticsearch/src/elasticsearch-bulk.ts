import { applied, type Outcome, transient } from '@daybook/core'
import type { Place } from './document-place.ts'
import type { ElasticsearchCalls, ItemAnswer } from './elasticsearch-calls.ts'
import { failureOf, itemProblem, type Shared } from './elasticsearch-errors.ts'
import { StoreFailure } from './store-failure.ts'

/** One item of a bulk: what is to be done, and the document, each as a line of JSON. */
export interface BulkItem {
  readonly action: string
  /** Undefined for a delete. */
  readonly source: string | undefined
}

/** What lets a write through: the fields of its action after the place. */
export type Guard =
  | { readonly version: bigint }
  | { readonly seqNo: number; readonly primaryTerm: number }
  | undefined

/** The line that says what is to be done. By hand, for JSON has no word for a bigint. */
export function actionLine(
  what: 'index' | 'create' | 'delete',
  { index, id, routing, pipeline }: Place,
  guard: Guard,
): string {
  const place = JSON.stringify({ _index: index, _id: id, routing, pipeline })
  return `{"${what}":${place.slice(0, -1)}${guardFields(guard)}}}`
}

function guardFields(guard: Guard): string {
  if (guard === undefined) return ''
  if ('version' in guard) return `,"version":${guard.version},"version_type":"external"`
  return `,"if_seq_no":${guard.seqNo},"if_primary_term":${guard.primaryTerm}`
}

/**
 * Sends the items, in halves where they are too many for one call, and resolves with an answer each. The store waits for
 * a shard that takes no writes for `patienceMs`; default `shardTimeoutMs`.
 */
export async function sendBulk<P>(
  calls: ElasticsearchCalls<P>,
  items: readonly BulkItem[],
  signal: AbortSignal,
  patienceMs?: number,
): Promise<readonly ItemAnswer[]> {
  if (items.length === 0) return []
  const answers = await calls.bulk(linesOf(items), signal, patienceMs)
  if (answers !== undefined) return checkCount(answers, items.length)
  if (items.length === 1) return [tooLarge]
  const middle = Math.ceil(items.length / 2)
  const first = await sendBulk(calls, items.slice(0, middle), signal, patienceMs)
  return [...first, ...(await sendBulk(calls, items.slice(middle), signal, patienceMs))]
}

/** What an item's answer means. `onConflict` is told the store's reason. */
export function outcomeOf(
  answer: ItemAnswer,
  shared: Shared,
  onConflict: (reason: string) => Outcome,
): Outcome {
  const { status, error } = answer
  if (error === undefined && isDone(status)) return applied
  const problem = itemProblem(status, error)
  if (isConflict(answer)) return onConflict(problem.reason ?? '')
  return failureOf(problem, shared)
}

/** True where the document is not as the guard wants it. */
export function isConflict({ status, error }: ItemAnswer): boolean {
  return status === 409 && itemProblem(status, error).type === 'version_conflict_engine_exception'
}

/** 404 without an error: a delete of what is not there, which the store remembers all the same. */
function isDone(status = 0): boolean {
  return status === 404 || (status >= 200 && status < 300)
}

function linesOf(items: readonly BulkItem[]): string {
  const lines = items.map(({ action, source }) =>
    source === undefined ? `${action}\n` : `${action}\n${source}\n`,
  )
  return lines.join('')
}

const tooLarge: ItemAnswer = {
  status: 413,
  error: {
    type: 'content_too_large',
    reason: 'The document alone is more than the store takes in one call (http.max_content_length)',
  },
}

function checkCount(answers: readonly ItemAnswer[], count: number): readonly ItemAnswer[] {
  if (answers.length === count) return answers
  const message = `The store answered for ${answers.length} items where ${count} were sent`
  throw new StoreFailure(transient('bad_answer', message))
}
