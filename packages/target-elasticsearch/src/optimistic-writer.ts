import {
  applied,
  type FailureOutcome,
  type Op,
  type Outcome,
  permanent,
  superseded,
  transient,
  type WalRecord,
} from '@daybook/core'
import { isRefused, type Place, placeOf } from './document-place.ts'
import { fieldsOf, type Mark, sourceOf, tombstoneMark } from './document-source.ts'
import { actionLine, type BulkItem, isConflict, outcomeOf, sendBulk } from './elasticsearch-bulk.ts'
import type { DocumentQuery, ElasticsearchCalls, FoundDocument } from './elasticsearch-calls.ts'
import { failureOf, itemProblem } from './elasticsearch-errors.ts'
import type { ElasticsearchSettings } from './elasticsearch-options.ts'
import type { Writer } from './plain-writer.ts'
import { StoreFailure } from './store-failure.ts'

/** A record that is not done with. */
interface Draft<P> {
  /** Its place in the batch. */
  readonly at: number
  readonly record: WalRecord<P>
  readonly place: Place
  /** Nothing for a delete. */
  readonly fields: Readonly<Record<string, unknown>>
}

type Decision = BulkItem | FailureOutcome | typeof applied

/**
 * How often a document is read again that somebody wrote between our reading and writing. Whoever
 * writes as much as that is left to core's backoff.
 */
const mostRounds = 4

/**
 * Reads each document, decides by the version in its mark, and writes it back on the condition that it
 * is still what was read. The store takes no external version together with such a condition, so the
 * mark is the version here, and deletes are documents too.
 */
export class OptimisticWriter<P> implements Writer<P> {
  readonly ops: readonly Op[] = ['put', 'patch', 'delete']
  readonly #settings: ElasticsearchSettings<P>
  readonly #calls: ElasticsearchCalls<P>

  constructor(settings: ElasticsearchSettings<P>, calls: ElasticsearchCalls<P>) {
    this.#settings = settings
    this.#calls = calls
  }

  async apply(records: readonly WalRecord<P>[], signal: AbortSignal): Promise<readonly Outcome[]> {
    const outcomes: Outcome[] = records.map(() => contended)
    let left: readonly Draft<P>[] = records.flatMap((record, at) => {
      const draft = this.#draftOf(record, at)
      if (!isRefused(draft)) return [draft]
      outcomes[at] = draft
      return []
    })
    for (let round = 0; round < mostRounds && left.length > 0; round++) {
      left = await this.#round(left, outcomes, signal)
    }
    return outcomes
  }

  /** Reads and writes once. Resolves with those that somebody else came before. */
  async #round(
    drafts: readonly Draft<P>[],
    outcomes: Outcome[],
    signal: AbortSignal,
  ): Promise<readonly Draft<P>[]> {
    const found = await this.#read(drafts, signal)
    const tried: Draft<P>[] = []
    const items: BulkItem[] = []
    for (const [index, draft] of drafts.entries()) {
      const decision = this.#decide(draft, found[index] ?? {})
      if ('status' in decision) outcomes[draft.at] = decision
      else {
        tried.push(draft)
        items.push(decision)
      }
    }
    const answers = await sendBulk(this.#calls, items, signal)
    return tried.filter((draft, index) => {
      const answer = answers[index] ?? {}
      const { shared } = this.#calls
      outcomes[draft.at] = outcomeOf(answer, shared, () => contended)
      return isConflict(answer)
    })
  }

  #draftOf(record: WalRecord<P>, at: number): Draft<P> | FailureOutcome {
    const place = placeOf(this.#settings, record)
    if (isRefused(place)) return place
    if (record.op === 'delete') return { at, record, place, fields: {} }
    const made = fieldsOf(this.#settings, record)
    return isRefused(made) ? made : { at, record, place, fields: made.fields }
  }

  /** Whole documents for patches; of others the mark says enough. */
  async #read(drafts: readonly Draft<P>[], signal: AbortSignal): Promise<readonly FoundDocument[]> {
    const queries = drafts.map(({ record, place: { index, id, routing } }): DocumentQuery => {
      const at = { _index: index, _id: id, ...(routing === undefined ? {} : { routing }) }
      return record.op === 'patch' ? at : { ...at, _source: [this.#settings.markField] }
    })
    const found = await this.#calls.read(queries, signal)
    if (found.length === queries.length) return found
    const message = `The store answered for ${found.length} documents of ${queries.length}`
    throw new StoreFailure(transient('bad_answer', message))
  }

  #decide(draft: Draft<P>, document: FoundDocument): Decision {
    const { record, place } = draft
    if (document.error !== undefined) return this.#onUnreadable(draft, document.error)
    if (document.found !== true) return this.#create(draft)
    const { _seq_no: seqNo = -1, _primary_term: primaryTerm = -1, _source: held } = document
    if (held === undefined) {
      return permanent('no_source', 'The index keeps no _source, and so no version of a document')
    }
    const mark = (held[this.#settings.markField] ?? {}) as Mark
    const version = versionOf(mark, document)
    if (version === record.version) return applied
    if (version > record.version) return superseded
    if (record.op === 'patch' && mark.deleted === true) return missing
    const base = record.op === 'patch' ? held : {}
    return this.#item('index', { ...draft, fields: { ...base, ...draft.fields } }, place, {
      seqNo,
      primaryTerm,
    })
  }

  /** An index that is not there may be created by the first write; only that can tell. */
  #onUnreadable(draft: Draft<P>, error: unknown): Decision {
    const problem = itemProblem(undefined, error)
    if (problem.type === 'index_not_found_exception') return this.#create(draft)
    return failureOf(problem, this.#calls.shared)
  }

  #create(draft: Draft<P>): Decision {
    return draft.record.op === 'patch'
      ? missing
      : this.#item('create', draft, draft.place, undefined)
  }

  #item(
    what: 'index' | 'create',
    { record, fields }: Draft<P>,
    place: Place,
    guard: Parameters<typeof actionLine>[2],
  ): BulkItem | FailureOutcome {
    const { markField } = this.#settings
    const isDelete = record.op === 'delete'
    const mark = isDelete ? tombstoneMark(record) : { version: record.version.toString() }
    const json = sourceOf({ ...fields, [markField]: mark })
    if (isRefused(json)) return json
    const pipeline = isDelete ? '_none' : place.pipeline
    return { action: actionLine(what, { ...place, pipeline }, guard), source: json.source }
  }
}

/**
 * What the document's mark says. One without a mark was written by others, or before there were
 * patches: the store's own version counts, which is exact up to 2^53.
 */
function versionOf({ version }: Mark, { _version: own = 0 }: FoundDocument): bigint {
  return version !== undefined && /^\d{1,19}$/.test(version) ? BigInt(version) : BigInt(own)
}

/** Its put may be on the way, where records come in no order. */
const missing: FailureOutcome = transient(
  'document_missing_exception',
  'There is no document to patch',
)

const contended: FailureOutcome = transient(
  'version_conflict_engine_exception',
  `Others wrote the document ${mostRounds} times between it was read and written back`,
)
