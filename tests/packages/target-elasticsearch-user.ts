// What somebody who installed @daybook/target-elasticsearch would write: typed, and run against the packed files.

import { createWal, fanOut, memoryQueue, type } from '@daybook/core'
import { type ElasticsearchClient, elasticsearchTarget } from '@daybook/target-elasticsearch'

interface Title {
  readonly title: string
  readonly year: number
}

const lines: string[] = []
const client: ElasticsearchClient = {
  transport: {
    async request({ bulkBody = '' }) {
      lines.push(...bulkBody.trimEnd().split('\n'))
      return { body: { items: [{ index: { status: 201 } }] } }
    },
  },
}
const byYear = elasticsearchTarget<Title>({
  client,
  index: ({ payload }) => `titles-${payload?.year ?? 'unknown'}`,
  document: ({ payload, version }) => ({ ...payload, version: version.toString() }),
})
if (byYear.idempotency !== 'version') throw new Error(`idempotency: ${byYear.idempotency}`)

const wal = await createWal({
  namespaces: {
    titles: fanOut({
      payload: type<Title>(),
      queue: memoryQueue(),
      targets: { search: elasticsearchTarget({ client, index: 'titles' }) },
    }),
  },
})
await wal.start()
const titles = wal.namespace('titles')
const { version } = await titles.write({
  key: 'tt0038787',
  payload: { title: 'Notorious', year: 1946 },
})
await wal.drain({ timeout: '20s' })
await wal.close()
const expected = `{"index":{"_index":"titles","_id":"tt0038787","version":${version},"version_type":"external"}}`
if (lines[0] !== expected) throw new Error(`sent: ${lines[0]}`)
