import {
  applied,
  type FailureOutcome,
  type Op,
  type Outcome,
  permanent,
  superseded,
  type WalRecord,
} from '@daybook/core'
import { isRefused, type Place, placeOf } from './document-place.ts'
import { fieldsOf, sourceOf, tombstoneMark } from './document-source.ts'
import { actionLine, type BulkItem, outcomeOf, sendBulk } from './elasticsearch-bulk.ts'
import type { ElasticsearchCalls } from './elasticsearch-calls.ts'
import type { ElasticsearchSettings } from './elasticsearch-options.ts'

/** How records become writes of the store. */
export interface Writer<P> {
  readonly ops: readonly Op[]
  /** The store waits for a shard that takes no writes for `patienceMs`; default `shardTimeoutMs`. */
  apply(
    records: readonly WalRecord<P>[],
    signal: AbortSignal,
    patienceMs?: number,
  ): Promise<readonly Outcome[]>
}

/**
 * Writes whole documents, each by one item that the store can judge alone: by the record's version, or
 * into a data stream by the id.
 */
export class PlainWriter<P> implements Writer<P> {
  readonly ops: readonly Op[]
  readonly #settings: ElasticsearchSettings<P>
  readonly #calls: ElasticsearchCalls<P>

  constructor(settings: ElasticsearchSettings<P>, calls: ElasticsearchCalls<P>) {
    this.ops = settings.dataStream ? ['put'] : ['put', 'delete']
    this.#settings = settings
    this.#calls = calls
  }

  async apply(
    records: readonly WalRecord<P>[],
    signal: AbortSignal,
    patienceMs?: number,
  ): Promise<readonly Outcome[]> {
    const prepared = records.map((record) => this.#itemOf(record))
    const items = prepared.filter((one): one is BulkItem => !isRefused(one))
    const answers = [...(await sendBulk(this.#calls, items, signal, patienceMs))]
    return records.map((record, at) => {
      const one = prepared[at] as BulkItem | FailureOutcome
      if (isRefused(one)) return one
      const onConflict = (reason: string): Outcome => this.#onConflict(record, reason)
      return outcomeOf(answers.shift() ?? {}, this.#calls.shared, onConflict)
    })
  }

  #itemOf(record: WalRecord<P>): BulkItem | FailureOutcome {
    const place = placeOf(this.#settings, record)
    if (isRefused(place)) return place
    if (record.op === 'put') return this.#putItem(place, record)
    if (!this.ops.includes(record.op)) return opRefused(record.op)
    return this.#settings.tombstones
      ? tombstone(this.#settings, place, record)
      : {
          action: actionLine('delete', { ...place, pipeline: undefined }, record),
          source: undefined,
        }
  }

  #putItem(place: Place, record: WalRecord<P> & { op: 'put' }): BulkItem | FailureOutcome {
    const made = fieldsOf(this.#settings, record)
    if (isRefused(made)) return made
    const { dataStream } = this.#settings
    const at = { '@timestamp': new Date(record.writtenAt).toISOString() }
    const json = sourceOf(dataStream ? { ...at, ...made.fields } : made.fields)
    if (isRefused(json)) return json
    const action = dataStream
      ? actionLine('create', place, undefined)
      : actionLine('index', place, record)
    return { action, source: json.source }
  }

  /** The document is there in a stream, or in a newer version; or in this very one, as after a lost answer. */
  #onConflict({ version }: WalRecord<P>, reason: string): Outcome {
    if (this.#settings.dataStream) return applied
    return reason.includes(`current version [${version}]`) ? applied : superseded
  }
}

/** A document that says that there is none. Its pipeline is for documents, so none is run. */
function tombstone<P>(
  { markField }: ElasticsearchSettings<P>,
  place: Place,
  record: WalRecord<P>,
): BulkItem {
  const action = actionLine('index', { ...place, pipeline: '_none' }, record)
  return { action, source: JSON.stringify({ [markField]: tombstoneMark(record) }) }
}

function opRefused(op: Op): FailureOutcome {
  return permanent('unsupported_op', `This target cannot apply a ${op}`)
}
