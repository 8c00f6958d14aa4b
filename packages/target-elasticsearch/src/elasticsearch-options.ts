import {
  ConfigError,
  type ConfigIssue,
  type PatchRecord,
  type PutRecord,
  type WalRecord,
} from '@daybook/core'
import type { ElasticsearchClient } from './elasticsearch-client.ts'
import { indexNameFault } from './index-name.ts'

/** How {@link elasticsearchTarget} is set up. */
export interface ElasticsearchTargetOptions<P = unknown> {
  /** The `Client` of `@elastic/elasticsearch`. It stays yours: the target does not close it. */
  readonly client: ElasticsearchClient
  /**
   * Name of the index, alias or data stream, or a function that names it for a record. All records of a
   * key must go into the same one, its deletes too.
   */
  readonly index: string | ((record: WalRecord<P>) => string)
  /**
   * The document's id: a function, or the name of the payload's field that holds it. At most 512 bytes.
   * Deletes need it too. Default the record's key; with `dataStream` the record's id.
   */
  readonly id?: string | ((record: WalRecord<P>) => string | undefined) | undefined
  /**
   * What the shard is chosen by: a function, or the name of a payload's field, which all records must have
   * then, deletes too. Default the document's id, also where a function returns undefined.
   */
  readonly routing?: string | ((record: WalRecord<P>) => string | undefined) | undefined
  /** Name of the ingest pipeline, or a function that names one. Default the index's own. */
  readonly pipeline?: string | ((record: WalRecord<P>) => string | undefined) | undefined
  /** Makes the document of a put, or the fields of a patch. Default the payload as it is. */
  readonly document?: ((record: PutRecord<P> | PatchRecord<P>) => object) | undefined
  /**
   * When what was written can be found by a search: `false`, the default, at the index's next refresh;
   * `'wait_for'` waits for that; `true` refreshes at once, which costs the index dearly.
   */
  readonly refresh?: boolean | 'wait_for' | undefined
  /**
   * `'optimistic'`: takes patches, by reading the document and writing it back only if nobody has
   * written in between. Every document then carries its version in `markField`, with those of fields that were patched
   * since the last put, so that changes come to the same in any order; and every write is a read and a write. Default: patches are refused, since a document's version cannot be compared
   * and its fields merged in one step.
   */
  readonly patch?: 'optimistic' | undefined
  /**
   * True: a delete leaves a document that holds `markField` alone, so that older changes stay out however
   * late they come. Default false: the store remembers a delete for the index's `gc_deletes` (60 s).
   * Always true with `patch`.
   */
  readonly tombstones?: boolean | undefined
  /** Field for the target's own marks, used with `patch` and `tombstones`. Default `'daybook'`. */
  readonly markField?: string | undefined
  /** True: `index` is a data stream, to which puts are appended once each. Takes nothing else. */
  readonly dataStream?: boolean | undefined
  /** True: refuses to write where `index` is no alias, rather than create an index of that name. */
  readonly requireAlias?: boolean | undefined
  /**
   * How long the store may wait for a missing shard before it says so, in ms, 1 to 600,000; default 10,000, or 1,000 where
   * `index` is a function: there all that is in a bulk waits for the index of a few. Below the namespace's `applyTimeout`,
   * or the reason is never heard.
   */
  readonly shardTimeoutMs?: number | undefined
}

type Optional = 'id' | 'routing' | 'pipeline' | 'document' | 'patch'

/** The options with their defaults, frozen. */
export type ElasticsearchSettings<P = unknown> = Pick<ElasticsearchTargetOptions<P>, Optional> & {
  readonly [Name in Exclude<keyof ElasticsearchTargetOptions<P>, Optional>]-?: NonNullable<
    ElasticsearchTargetOptions<P>[Name]
  >
}

type Faults = (value: never) => string | undefined

const flag = (value: unknown): string | undefined =>
  value === undefined || typeof value === 'boolean' ? undefined : 'must be true or false'

const textOrFunction = (value: unknown): string | undefined =>
  value === undefined || typeof value === 'function' || (typeof value === 'string' && value !== '')
    ? undefined
    : 'must be a text that is not empty, or a function'

/** By option: what is wrong with a value. Options that are not here do not exist. */
const faults: Readonly<Record<keyof ElasticsearchTargetOptions, Faults>> = {
  client: (client: Partial<ElasticsearchClient> | undefined) =>
    typeof client?.transport?.request === 'function'
      ? undefined
      : 'must be a Client of @elastic/elasticsearch: it has no transport.request()',
  index: (index: unknown) => (typeof index === 'function' ? undefined : indexNameFault(index)),
  id: textOrFunction,
  routing: textOrFunction,
  pipeline: textOrFunction,
  document: (document: unknown) =>
    document === undefined || typeof document === 'function' ? undefined : 'must be a function',
  refresh: (refresh: unknown) =>
    [undefined, true, false, 'wait_for'].includes(refresh as boolean)
      ? undefined
      : "must be true, false or 'wait_for'",
  patch: (patch: unknown) =>
    patch === undefined || patch === 'optimistic' ? undefined : "must be 'optimistic', or left out",
  tombstones: flag,
  markField: (field: unknown) =>
    field === undefined || (typeof field === 'string' && /^[^_.\s][^.\s]*$/.test(field))
      ? undefined
      : 'must be the name of one field: no dots or spaces, and no underscore in front',
  dataStream: flag,
  requireAlias: flag,
  shardTimeoutMs: (ms: unknown) =>
    ms === undefined || (Number.isInteger(ms) && Number(ms) >= 1 && Number(ms) <= 600_000)
      ? undefined
      : 'must be a whole number from 1 to 600,000',
}

/** Checks all of the options and fills in the defaults. Throws `ERR_CONFIG` with every mistake. */
export function resolveOptions<P>(
  options: ElasticsearchTargetOptions<P>,
): ElasticsearchSettings<P> {
  const issues = [...unknownOptions(options), ...wrongValues(options), ...contradictions(options)]
  if (issues.length > 0) throw new ConfigError(issues)
  const { client, index, id, routing, pipeline, document, patch } = options
  return Object.freeze({
    ...{ client, index, id, routing, pipeline, document, patch },
    refresh: options.refresh ?? false,
    tombstones: options.tombstones === true || patch !== undefined,
    markField: options.markField ?? 'daybook',
    dataStream: options.dataStream ?? false,
    requireAlias: options.requireAlias ?? false,
    shardTimeoutMs: options.shardTimeoutMs ?? (typeof index === 'function' ? 1_000 : 10_000),
  })
}

function unknownOptions(options: object | undefined): readonly ConfigIssue[] {
  const unknown = Object.keys(options ?? {}).filter((name) => !Object.hasOwn(faults, name))
  const known = Object.keys(faults).join(', ')
  return unknown.map((name) => issue(name, `is no option. There are: ${known}`))
}

function wrongValues(options: object | undefined): readonly ConfigIssue[] {
  return Object.entries(faults).flatMap(([name, fault]) => {
    const reason = fault((options as Record<string, never> | undefined)?.[name] as never)
    return reason === undefined ? [] : [issue(name, reason)]
  })
}

function contradictions<P>(
  options: Partial<ElasticsearchTargetOptions<P>> | null | undefined,
): readonly ConfigIssue[] {
  const { dataStream, patch, tombstones, requireAlias } = options ?? {}
  const issues: ConfigIssue[] = []
  if (dataStream === true && patch === 'optimistic')
    issues.push(issue('patch', 'a data stream takes no patches'))
  if (dataStream === true && tombstones === true)
    issues.push(issue('tombstones', 'a data stream takes no deletes'))
  if (dataStream === true && requireAlias === true)
    issues.push(issue('requireAlias', 'a data stream goes by its own name, and is no alias'))
  if (patch === 'optimistic' && tombstones === false) {
    issues.push(
      issue(
        'tombstones',
        "must stay true with patch: 'optimistic', or a late change undoes a delete",
      ),
    )
  }
  return issues
}

function issue(option: string, reason: string): ConfigIssue {
  return { path: `elasticsearchTarget.${option}`, reason }
}
