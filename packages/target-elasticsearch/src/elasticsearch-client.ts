/**
 * The one method of a client that is used. `Client` of `@elastic/elasticsearch` has it, and a fake for a
 * test needs no more.
 */
export interface ElasticsearchClient {
  readonly transport: ElasticsearchTransport
}

/** What sends a client's calls. */
export interface ElasticsearchTransport {
  request(call: ElasticsearchCall, options: ElasticsearchCallOptions): Promise<ElasticsearchAnswer>
}

/** A call of Elasticsearch's API. */
export interface ElasticsearchCall {
  method: 'GET' | 'POST'
  path: string
  querystring?: Record<string, string>
  body?: Record<string, unknown>
  /** Lines of JSON, each with its line feed. */
  bulkBody?: string
  /** What traces call it. */
  meta: { name: string }
}

/** How a call is made: once, and until its signal aborts. */
export interface ElasticsearchCallOptions {
  maxRetries: 0
  signal: AbortSignal
  /** The answer comes with its headers. */
  meta: true
}

/** What came back. */
export interface ElasticsearchAnswer {
  readonly body: unknown
  readonly headers?: Readonly<Record<string, unknown>> | undefined
}
