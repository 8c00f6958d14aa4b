import {
  applied,
  changeRow,
  type FailureOutcome,
  markedRow,
  newestOf,
  type Op,
  type Outcome,
  permanent,
  rowMarks,
  superseded,
  transient,
  type WalRecord,
} from '@daybook/core'
import { isRefused, type Place, placeOf } from './document-place.ts'
import { fieldsOf, type Mark, sourceOf, tombstoneMark } from './document-source.ts'
import {
  actionLine,
  type BulkItem,
  type Guard,
  isConflict,
  outcomeOf,
  sendBulk,
} from './elasticsearch-bulk.ts'
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
  /** Undefined for a delete. */
  readonly fields: Fields | undefined
  /** True if the document has to be read whole: some of it may be newer. */
  readonly isWhole: boolean
}

type Fields = Readonly<Record<string, unknown>>

/** A document that was read: what its mark says, and its own fields. */
interface HeldDocument {
  readonly version: bigint
  readonly mark: Mark
  /** Undefined where there is none, or a tombstone. */
  readonly fields: Fields | undefined
  readonly guard: Guard
}

type Decision = BulkItem | Outcome | 'readWhole'

/**
 * How often a document is read again that somebody wrote between our reading and writing. Whoever
 * writes as much as that is left to core's backoff.
 */
const mostRounds = 4

/**
 * Reads each document, decides by the versions in its mark, and writes it back on the condition that it
 * is still what was read. The store takes no external version together with such a condition, so the
 * mark is the version here, with those of fields that were patched, and deletes are documents too.
 */
export class OptimisticWriter<P> implements Writer<P> {
  readonly ops: readonly Op[] = ['put', 'patch', 'delete']
  readonly #settings: ElasticsearchSettings<P>
  readonly #calls: ElasticsearchCalls<P>

  constructor(settings: ElasticsearchSettings<P>, calls: ElasticsearchCalls<P>) {
    this.#settings = settings
    this.#calls = calls
  }

  async apply(
    records: readonly WalRecord<P>[],
    signal: AbortSignal,
    patienceMs?: number,
  ): Promise<readonly Outcome[]> {
    const outcomes: Outcome[] = records.map(() => contended)
    let left: readonly Draft<P>[] = records.flatMap((record, at) => {
      const draft = this.#draftOf(record, at)
      if (!isRefused(draft)) return [draft]
      outcomes[at] = draft
      return []
    })
    for (let round = 0; round < mostRounds && left.length > 0; round++) {
      left = await this.#round(left, outcomes, signal, patienceMs)
    }
    return outcomes
  }

  /** Reads and writes once. Resolves with those that somebody else came before. */
  async #round(
    drafts: readonly Draft<P>[],
    outcomes: Outcome[],
    signal: AbortSignal,
    patienceMs: number | undefined,
  ): Promise<readonly Draft<P>[]> {
    const found = await this.#read(drafts, signal)
    const again: Draft<P>[] = []
    const tried: Draft<P>[] = []
    const items: BulkItem[] = []
    for (const [index, draft] of drafts.entries()) {
      const decision = this.#decide(draft, found[index] ?? {})
      if (decision === 'readWhole') again.push({ ...draft, isWhole: true })
      else if ('status' in decision) outcomes[draft.at] = decision
      else {
        tried.push(draft)
        items.push(decision)
      }
    }
    const answers = await sendBulk(this.#calls, items, signal, patienceMs)
    const conflicts = tried.filter((draft, index) => {
      const answer = answers[index] ?? {}
      const { shared } = this.#calls
      outcomes[draft.at] = outcomeOf(answer, shared, () => contended)
      return isConflict(answer)
    })
    return [...again, ...conflicts]
  }

  #draftOf(record: WalRecord<P>, at: number): Draft<P> | FailureOutcome {
    const place = placeOf(this.#settings, record)
    if (isRefused(place)) return place
    const draft = { at, record, place, isWhole: record.op === 'patch' }
    if (record.op === 'delete') return { ...draft, fields: undefined }
    const made = fieldsOf(this.#settings, record)
    return isRefused(made) ? made : { ...draft, fields: made.fields }
  }

  /** Whole documents for patches; of others the mark says enough, mostly. */
  async #read(drafts: readonly Draft<P>[], signal: AbortSignal): Promise<readonly FoundDocument[]> {
    const queries = drafts.map(({ isWhole, place: { index, id, routing } }): DocumentQuery => {
      const at = { _index: index, _id: id, ...(routing === undefined ? {} : { routing }) }
      return isWhole ? at : { ...at, _source: [this.#settings.markField] }
    })
    const found = await this.#calls.read(queries, signal)
    if (found.length === queries.length) return found
    const message = `The store answered for ${found.length} documents of ${queries.length}`
    throw new StoreFailure(transient('bad_answer', message))
  }

  #decide(draft: Draft<P>, document: FoundDocument): Decision {
    if (document.error !== undefined) return this.#onUnreadable(draft, document.error)
    if (document.found !== true) return this.#change(draft, nothing)
    const { _seq_no: seqNo = -1, _primary_term: primaryTerm = -1, _source: source } = document
    if (source === undefined) {
      return permanent('no_source', 'The index keeps no _source, and so no version of a document')
    }
    const { [this.#settings.markField]: marked = {}, ...fields } = source
    const mark = marked as Mark
    const version = versionOf(mark, document)
    const isOlder = version > draft.record.version
    if (isOlder && mark.patched !== undefined && !draft.isWhole) return 'readWhole'
    const held = mark.deleted === true ? undefined : fields
    return this.#change(draft, { version, mark, fields: held, guard: { seqNo, primaryTerm } })
  }

  /** An index that is not there may be created by the first write; only that can tell. */
  #onUnreadable(draft: Draft<P>, error: unknown): Decision {
    const problem = itemProblem(undefined, error)
    if (problem.type === 'index_not_found_exception') return this.#change(draft, nothing)
    return failureOf(problem, this.#calls.shared)
  }

  /** Where nothing was put, a document is what patches have set. */
  #change(draft: Draft<P>, { version, mark, fields, guard }: HeldDocument): Decision {
    const { record, place } = draft
    const { op } = record
    const before = markedRow(version, fields, mark.patched)
    const row = changeRow(before, { op, version: record.version, payload: draft.fields })
    if (row === 'superseded') return superseded
    if (typeof row === 'string') return applied
    const value = (row.value ?? (row.patched.size > 0 ? row.part : undefined)) as Fields | undefined
    const patched = rowMarks({ ...row, value })
    const next: Mark =
      value === undefined
        ? tombstoneMark(record)
        : { version: `${newestOf(row)}`, ...(patched !== undefined && { patched }) }
    const json = sourceOf({ ...value, [this.#settings.markField]: next })
    if (isRefused(json)) return json
    const pipeline = value === undefined ? '_none' : place.pipeline
    const what = guard === undefined ? 'create' : 'index'
    return { action: actionLine(what, { ...place, pipeline }, guard), source: json.source }
  }
}

/** Of a document that is not there. */
const nothing: HeldDocument = { version: 0n, mark: {}, fields: undefined, guard: undefined }

/**
 * What the document's mark says. One without a mark was written by others, or before there were
 * patches: the store's own version counts, which is exact up to 2^53.
 */
function versionOf({ version }: Mark, { _version: own = 0 }: FoundDocument): bigint {
  return version !== undefined && /^\d{1,19}$/.test(version) ? BigInt(version) : BigInt(own)
}

const contended: FailureOutcome = transient(
  'version_conflict_engine_exception',
  `Others wrote the document ${mostRounds} times between it was read and written back`,
)
