import { service } from '@daybook/services'
import { memcachedTarget } from '@daybook/target-memcached'
import { Memcache } from 'memcache'
import type { BenchStore, Item, Payload } from '../store.ts'

type Node = Memcache['nodes'][number]

/** memcached: each item is read and set on condition, pipelined, on both sides. */
export const memcached: BenchStore = {
  name: 'memcached',
  about: 'memcached, memcache, each item read and then stored by cas or add',
  async open() {
    // An item that the server moves to another page counts as one more.
    const settings = { '-m': '1024', '-o': 'no_slab_reassign,no_slab_automove' }
    const server = await service('memcached', { instance: 'bench', settings })
    const client = new Memcache({ nodes: [server.address] })
    await client.connect()
    const [node] = client.nodes as [Node]
    return {
      async round() {
        await server.reset()
        if (!node.isConnected()) await node.reconnect()
        const before = await stored(client)
        return {
          target: memcachedTarget<Payload>({ client }),
          async writeBatch(items, firstVersion) {
            await Promise.all(items.map((item, at) => write(node, item, firstVersion + BigInt(at))))
          },
          count: async () => (await stored(client)) - before,
        }
      },
      async close() {
        await client.disconnect()
        await server.remove()
      },
    }
  },
}

/** By hand: a version in front of the value, compared as text. */
async function write(node: Node, { key, payload }: Item, version: bigint): Promise<void> {
  const [meta, held] = await Promise.all([
    node.command(`mg ${key} c`),
    node.command(`get ${key}`, { isMultiline: true }),
  ])
  const [, cas] = /^HD c(\d+)/.exec(meta) ?? []
  if (cas !== undefined && `${held?.[0]}` >= `${version}`) return
  const value = `${version} ${JSON.stringify(payload)}`
  const sizes = `${key} 0 0 ${Buffer.byteLength(value)}`
  const head = cas === undefined ? `add ${sizes}` : `cas ${sizes} ${cas}`
  const answer = await node.command(`${head}\r\n${value}`)
  if (answer !== 'STORED') throw new Error(`${key}: ${answer}`)
}

/** Items that were put into the server since its start: a reset does not take them off the count at once. */
async function stored(client: Memcache): Promise<number> {
  const [stats] = [...(await client.stats()).values()]
  return Number(stats?.['total_items'])
}
