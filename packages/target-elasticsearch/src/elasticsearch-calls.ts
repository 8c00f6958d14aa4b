import type { Place } from './document-place.ts'
import type { ElasticsearchAnswer, ElasticsearchCall } from './elasticsearch-client.ts'
import { type Shared, statusOf, storeFailure } from './elasticsearch-errors.ts'
import type { ElasticsearchSettings } from './elasticsearch-options.ts'

/** One item of a bulk, as the store answers it. */
export interface ItemAnswer {
  readonly status?: number | undefined
  readonly error?: unknown
}

/** Which document is read. */
export interface DocumentQuery {
  readonly _index: string
  readonly _id: string
  readonly routing?: string
  /** Fields to read; default all. */
  readonly _source?: readonly string[]
}

/** A document that was read. */
export interface FoundDocument {
  readonly found?: boolean
  readonly _version?: number
  readonly _seq_no?: number
  readonly _primary_term?: number
  readonly _source?: Readonly<Record<string, unknown>>
  readonly error?: unknown
}

/** What an index makes of documents: as much of its mapping as is looked at. */
export interface IndexMapping {
  readonly dynamic?: unknown
  readonly _source?: { readonly enabled?: unknown; readonly mode?: unknown }
  readonly properties?: Readonly<Record<string, FieldMapping>>
}

/** How a field is mapped. */
interface FieldMapping {
  readonly type?: unknown
  readonly enabled?: unknown
  readonly dynamic?: unknown
  readonly properties?: Readonly<Record<string, unknown>>
}

/** Answers hold no more than what is looked at. */
const bulkFilter = [
  'items.*.status',
  'items.*.error.type',
  'items.*.error.reason',
  'items.*.error.caused_by.reason',
].join(',')

/** How long a health check waits for the cluster's master. */
const masterTimeout = '5s'

/** The calls that are made, each once. What they throw is classified. */
export class ElasticsearchCalls<P> {
  readonly #settings: ElasticsearchSettings<P>
  readonly #bulkQuery: Record<string, string>

  constructor(settings: ElasticsearchSettings<P>) {
    this.#settings = settings
    const { refresh, requireAlias } = settings
    this.#bulkQuery = {
      filter_path: bulkFilter,
      refresh: String(refresh),
      ...(requireAlias ? { require_alias: 'true' } : {}),
    }
  }

  /** What no record can be to blame for. */
  get shared(): Shared {
    const { index, pipeline } = this.#settings
    const isOne = typeof index === 'string'
    // Without one of the target's own, each index has its own.
    return { index: isOne, pipeline: pipeline === undefined ? isOne : typeof pipeline === 'string' }
  }

  /**
   * Answers of as many items; undefined if it is too large for the store. An item whose shard takes no writes is
   * answered after `patienceMs`, and all others with it.
   */
  async bulk(
    lines: string,
    signal: AbortSignal,
    patienceMs = this.#settings.shardTimeoutMs,
  ): Promise<readonly ItemAnswer[] | undefined> {
    const querystring = { ...this.#bulkQuery, timeout: `${patienceMs}ms` }
    const call = { path: '/_bulk', querystring, bulkBody: lines }
    try {
      const { body } = await this.#send({ method: 'POST', ...call, meta: { name: 'bulk' } }, signal)
      const { items = [] } = (body ?? {}) as { items?: readonly Record<string, ItemAnswer>[] }
      return items.map((item) => Object.values(item)[0] ?? {})
    } catch (error) {
      if (statusOf(error) === 413) return undefined
      throw storeFailure(error)
    }
  }

  /** Reads documents as they are now, refreshed or not. */
  async read(
    docs: readonly DocumentQuery[],
    signal: AbortSignal,
  ): Promise<readonly FoundDocument[]> {
    const call = { path: '/_mget', body: { docs }, meta: { name: 'mget' } }
    const { body } = await this.#sendOrFail({ method: 'POST', ...call }, signal)
    return ((body ?? {}) as { docs?: readonly FoundDocument[] }).docs ?? []
  }

  /** Resolves if the cluster answers, and has a master. */
  async health(signal: AbortSignal): Promise<void> {
    const querystring = { filter_path: 'status', master_timeout: masterTimeout }
    const call = { path: '/_cluster/health', querystring, meta: { name: 'cluster.health' } }
    try {
      await this.#send({ method: 'GET', ...call }, signal)
    } catch (error) {
      // It is there, and this is not for whoever may only write. A record has to tell.
      if (statusOf(error) !== 403) throw storeFailure(error)
    }
  }

  /** Resolves if the shard answers that a document belongs to, whether or not the document is there. */
  async shardHealth({ index, id, routing }: Place, signal: AbortSignal): Promise<void> {
    const path = `/${encodeURIComponent(index)}/_doc/${encodeURIComponent(id)}`
    // As of the last refresh: nothing has to be made ready for it.
    const asStored = { _source: 'false', realtime: 'false' }
    const querystring = { ...asStored, ...(routing === undefined ? {} : { routing }) }
    try {
      await this.#send({ method: 'GET', path, querystring, meta: { name: 'get' } }, signal)
    } catch (error) {
      const failure = storeFailure(error)
      // Not there, not for us to read, or not to be read by the name of several indices: a record has to tell.
      const isAnswer = failure.status === 'permanent' || [403, 404].includes(statusOf(error) ?? 0)
      if (!isAnswer) throw failure
    }
  }

  /** The settings of an index, or of those behind an alias, their defaults included. */
  async indexSetting(index: string, name: string, signal: AbortSignal): Promise<readonly string[]> {
    const path = `/${encodeURIComponent(index)}/_settings/${name}`
    const querystring = { flat_settings: 'true', include_defaults: 'true' }
    const call = { path, querystring, meta: { name: 'indices.get_settings' } }
    const { body } = await this.#sendOrFail({ method: 'GET', ...call }, signal)
    const indices = Object.values((body ?? {}) as Record<string, IndexSettings>)
    return indices.flatMap(({ settings, defaults }) => settings?.[name] ?? defaults?.[name] ?? [])
  }

  /** The mappings of an index, or of those behind an alias. None where they are not there, or not for us to see. */
  async mappings(index: string, signal: AbortSignal): Promise<readonly IndexMapping[]> {
    const path = `/${encodeURIComponent(index)}/_mapping`
    try {
      const meta = { name: 'indices.get_mapping' }
      const { body } = await this.#send({ method: 'GET', path, meta }, signal)
      const indices = Object.values((body ?? {}) as Record<string, { mappings?: IndexMapping }>)
      return indices.map(({ mappings = {} }) => mappings)
    } catch (error) {
      if ([403, 404].includes(statusOf(error) ?? 0)) return []
      throw storeFailure(error)
    }
  }

  /** False where the store says that there is no such thing; true too where it does not let us look. */
  async exists(path: string, name: string, signal: AbortSignal): Promise<boolean> {
    try {
      await this.#send({ method: 'GET', path, meta: { name } }, signal)
      return true
    } catch (error) {
      const status = statusOf(error) ?? 0
      if (status === 404) return false
      // Without the right to look, the records have to tell; and 400, 405: it knows no such question.
      if ([400, 403, 405].includes(status)) return true
      throw storeFailure(error)
    }
  }

  async #sendOrFail(call: ElasticsearchCall, signal: AbortSignal): Promise<ElasticsearchAnswer> {
    try {
      return await this.#send(call, signal)
    } catch (error) {
      throw storeFailure(error)
    }
  }

  /** Once, by a signal of its own: a client that times out dispatches its event on the one it is given. */
  #send(call: ElasticsearchCall, signal: AbortSignal): Promise<ElasticsearchAnswer> {
    const options = { maxRetries: 0, meta: true, signal: AbortSignal.any([signal]) } as const
    return this.#settings.client.transport.request(call, options)
  }
}

interface IndexSettings {
  readonly settings?: Readonly<Record<string, string>>
  readonly defaults?: Readonly<Record<string, string>>
}
