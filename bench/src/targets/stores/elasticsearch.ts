import { service } from '@daybook/services'
import { elasticsearchTarget } from '@daybook/target-elasticsearch'
import { Client } from '@elastic/elasticsearch'
import type { BenchStore, Item, Payload, StoreRound } from '../store.ts'

/** One shard, no copies, and a translog synced for each bulk, as by default. */
const settings = { number_of_replicas: 0, refresh_interval: '30s' }

/** Elasticsearch's bulk API, with external versions on both sides. */
export const elasticsearch: BenchStore = {
  name: 'elasticsearch',
  about: 'Elasticsearch, @elastic/elasticsearch, client.bulk with external versions',
  async open() {
    const server = await service('elasticsearch', { instance: 'bench' })
    const client = new Client({ node: `http://${server.address}`, maxRetries: 0 })
    let rounds = 0
    return {
      async round() {
        if (rounds > 0) await client.indices.delete({ index: `round-${rounds}` })
        const index = `round-${++rounds}`
        await client.indices.create({ index, settings })
        return roundOn(client, index)
      },
      async close() {
        await client.close()
        await server.remove()
      },
    }
  },
}

function roundOn(client: Client, index: string): StoreRound {
  return {
    target: elasticsearchTarget<Payload>({ client, index }),
    async writeBatch(items, firstVersion) {
      const operations = items.flatMap((item, at) => operationOf(item, Number(firstVersion) + at))
      const { errors, items: answers } = await client.bulk({ index, operations })
      if (!errors) return
      throw new Error(JSON.stringify(answers.find(({ index }) => index?.error)))
    },
    async count() {
      await client.indices.refresh({ index })
      return (await client.count({ index })).count
    },
  }
}

function operationOf({ key, payload }: Item, version: number): object[] {
  return [{ index: { _id: key, version, version_type: 'external' } }, payload]
}
