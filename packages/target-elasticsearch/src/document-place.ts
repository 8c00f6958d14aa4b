import { type FailureOutcome, permanent, transient, type WalRecord } from '@daybook/core'
import type { ElasticsearchSettings } from './elasticsearch-options.ts'
import { indexNameFault } from './index-name.ts'

/** Where a record's document is. */
export interface Place {
  readonly index: string
  readonly id: string
  readonly routing: string | undefined
  readonly pipeline: string | undefined
}

/** Longest id of a document, in bytes. Source: Elasticsearch reference, "_id field". */
const longestIdBytes = 512

/**
 * The document's place, or why the record cannot be applied. An id that the store would refuse is
 * refused here: it fails the whole bulk that it is in.
 */
export function placeOf<P>(
  settings: ElasticsearchSettings<P>,
  record: WalRecord<P>,
): Place | FailureOutcome {
  try {
    const { index, id, routing, pipeline, dataStream } = settings
    const place = {
      index: typeof index === 'string' ? index : index(record),
      id: id === undefined ? (dataStream ? record.id : record.key) : named(id, record),
      routing: routing === undefined ? undefined : named(routing, record),
      pipeline: typeof pipeline === 'function' ? pipeline(record) : pipeline,
    }
    if (typeof routing === 'string' && place.routing === undefined) return missingRouting(routing)
    return refusal(place) ?? (place as Place)
  } catch (cause) {
    const { message = String(cause) } = (cause ?? {}) as Partial<Error>
    return transient(
      'place_failed',
      `The option index, id, routing or pipeline threw: ${message}`,
      { cause },
    )
  }
}

/** True for an outcome, false for what the store can be sent. */
export function isRefused(value: object): value is FailureOutcome {
  return 'status' in value
}

/**
 * Without it the id would choose the shard, and rarely the one that holds the document: a delete would
 * find nothing to delete there, and count as applied.
 */
function missingRouting(field: string): FailureOutcome {
  const what = `There is no routing: the payload lacks the field ${JSON.stringify(field)}`
  return permanent('missing_routing', `${what}. Deletes need it, too, among their key fields`)
}

/** By a function, or by a field of the payload. */
function named<P>(
  by: string | ((record: WalRecord<P>) => string | undefined),
  record: WalRecord<P>,
): unknown {
  if (typeof by === 'function') return by(record)
  const value = (record.payload as Readonly<Record<string, unknown>> | undefined)?.[by]
  return typeof value === 'number' || typeof value === 'bigint' ? String(value) : value
}

function refusal(place: { readonly [Name in keyof Place]: unknown }): FailureOutcome | undefined {
  const { index, id, routing, pipeline } = place
  const nameFault = indexNameFault(index)
  if (nameFault !== undefined) return permanent('invalid_index_name', `The index ${nameFault}`)
  if (id === undefined || id === null || id === '') {
    return permanent('missing_id', 'There is no id: the record lacks a key, or what `id` asks for')
  }
  if (typeof id !== 'string') return permanent('invalid_id', `The id is no text, but ${typeof id}`)
  if (!id.isWellFormed()) return permanent('invalid_id', 'The id is no valid Unicode')
  const bytes = Buffer.byteLength(id)
  if (bytes > longestIdBytes) {
    return permanent('invalid_id', `The id has ${bytes} bytes; the most is ${longestIdBytes}`)
  }
  const odd = [routing, pipeline].some((value) => value !== undefined && !isText(value))
  return odd
    ? permanent('invalid_routing', 'Routing and pipeline must be texts, or undefined')
    : undefined
}

function isText(value: unknown): boolean {
  return typeof value === 'string' && value !== '' && value.isWellFormed()
}
