import { type Target, WalError, type WalRecord } from '@daybook/core'
import { isRefused, placeOf } from './document-place.ts'
import { fieldsOf, type Mark } from './document-source.ts'
import { ElasticsearchCalls } from './elasticsearch-calls.ts'
import { callFailure, itemProblem } from './elasticsearch-errors.ts'
import {
  type ElasticsearchSettings,
  type ElasticsearchTargetOptions,
  resolveOptions,
} from './elasticsearch-options.ts'
import { gcDeletesMs } from './gc-deletes.ts'
import { HoldingWriter } from './holding-writer.ts'
import { checkFit } from './index-fit.ts'
import { OptimisticWriter } from './optimistic-writer.ts'
import { PlainWriter, type Writer } from './plain-writer.ts'
import { checkSetUp } from './set-up.ts'
import { TargetHealth } from './target-health.ts'

/**
 * The most that goes into one bulk. The store advises 5 to 15 MB and takes 100 MB by default; what is
 * too large all the same is sent in halves.
 * Source: Elasticsearch reference, "Tune for indexing speed" and "Networking settings".
 */
const largestBatch = { maxRecords: 2_000, maxBytes: 5 * 1024 * 1024 }

/**
 * An Elasticsearch index, alias or data stream as a target, through its bulk API. Each document carries
 * the record's version as its external version, all 64 bits of it, so that an older change changes
 * nothing, in whatever order and however often records come.
 *
 * The client's own retries are switched off for these calls: core retries.
 *
 * With `patch` or `tombstones` the mapping of an index given by name is looked at when the target is opened.
 * One that cannot take their marks is told as `ERR_CONFIG`: the target is unavailable then, and looks again
 * with each probe. So is an alias that is required, and a pipeline that has a name, where they are missing.
 *
 * @example
 * const search = elasticsearchTarget({ client: new Client({ node }), index: 'titles' })
 *
 * @throws ConfigError (`ERR_CONFIG`) that lists every option that is wrong, unknown, or contradicts another
 */
export function elasticsearchTarget<P = unknown>(
  options: ElasticsearchTargetOptions<P>,
): Target<P> {
  const settings = resolveOptions(options)
  const calls = new ElasticsearchCalls(settings)
  const plain: Writer<P> =
    settings.patch === undefined
      ? new PlainWriter(settings, calls)
      : new OptimisticWriter(settings, calls)
  const writer = calls.shared.index ? plain : new HoldingWriter(settings, plain, calls)
  const health = new TargetHealth(settings, calls)
  return {
    idempotency: settings.dataStream ? 'id' : 'version',
    ops: writer.ops,
    guardsFields: settings.patch !== undefined,
    largestBatch,
    open: async () => {
      await checkSetUp(settings, calls, new AbortController().signal)
      await checkFit(settings, calls)
    },
    apply: async (records, { signal }) => {
      const outcomes = await writer.apply(records, signal)
      health.saw(records, outcomes)
      return outcomes
    },
    validate: (record) => objectionTo(settings, record),
    health: ({ signal }) => health.check(signal),
    ...(settings.dataStream ? {} : { read: reader(settings, calls) }),
    ...(settings.dataStream || settings.tombstones
      ? {}
      : { remembersDeletesMs: ({ signal }) => gcDeletesMs(settings, calls, signal) }),
  }
}

/** Only what is certain: an option that throws may be mended before the record is applied. */
function objectionTo<P>(
  settings: ElasticsearchSettings<P>,
  record: WalRecord<P>,
): string | undefined {
  const place = placeOf(settings, record)
  if (isRefused(place)) return place.status === 'permanent' ? place.message : undefined
  if (record.op === 'delete') return undefined
  const made = fieldsOf(settings, record)
  return isRefused(made) && made.status === 'permanent' ? made.message : undefined
}

/** Reads the document of a key, without what is the target's own in it. */
function reader<P>(
  settings: ElasticsearchSettings<P>,
  calls: ElasticsearchCalls<P>,
): NonNullable<Target<P>['read']> {
  return async (key, { signal }) => {
    const place = placeOf(settings, deleteOf<P>(key))
    if (isRefused(place)) throw cannotTell(key, place.message)
    const { index, id, routing } = place
    const query = { _index: index, _id: id, ...(routing === undefined ? {} : { routing }) }
    const [document = {}] = await calls.read([query], signal)
    if (document.error !== undefined) {
      const problem = itemProblem(undefined, document.error)
      if (problem.type === 'index_not_found_exception') return undefined
      throw callFailure(problem)
    }
    if (document.found !== true || !settings.tombstones) return document._source
    const { [settings.markField]: mark, ...fields } = document._source ?? {}
    return (mark as Mark | undefined)?.deleted === true ? undefined : fields
  }
}

/** What `index`, `id` and `routing` are asked about where there is a key alone. */
function deleteOf<P>(key: string): WalRecord<P> {
  const nothing = { dueAt: undefined, target: undefined, transaction: undefined }
  const trace = { traceContext: undefined, encryptionKeyId: undefined }
  return {
    ...{ ...nothing, ...trace, id: '', namespace: '', key, op: 'delete', payload: undefined },
    ...{ headers: {}, writtenAt: 0, version: 0n, origin: '', attemptEpoch: 0 },
  }
}

function cannotTell(key: string, reason: string): WalError {
  return new WalError(
    'ERR_NOT_SUPPORTED',
    `elasticsearchTarget cannot tell which document key ${JSON.stringify(key)} has: ${reason}. To be read by keys, index, id and routing have to go by the key.`,
  )
}
