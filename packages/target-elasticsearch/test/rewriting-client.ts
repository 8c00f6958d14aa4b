import type { ElasticsearchClient } from '../src/index.ts'

/** A client that does something else to each line of a bulk, as a broken adapter would. */
export function rewriting(
  { transport }: ElasticsearchClient,
  rewrite: (line: string) => string,
): ElasticsearchClient {
  return {
    transport: {
      request(call, options) {
        if (call.bulkBody === undefined) return transport.request(call, options)
        const bulkBody = call.bulkBody.split('\n').map(rewrite).join('\n')
        return transport.request({ ...call, bulkBody }, options)
      },
    },
  }
}

/** A client before whose bulks something else happens. */
export function interrupting(
  { transport }: ElasticsearchClient,
  happen: () => Promise<void>,
): ElasticsearchClient {
  return {
    transport: {
      async request(call, options) {
        if (call.bulkBody !== undefined) await happen()
        return transport.request(call, options)
      },
    },
  }
}
