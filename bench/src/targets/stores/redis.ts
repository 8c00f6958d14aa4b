import { service } from '@daybook/services'
import { redisTarget } from '@daybook/target-redis'
import { createClient } from 'redis'
import type { BenchStore, Payload } from '../store.ts'

/** What somebody would write who wants versions kept, and takes text for numbers of one length. */
const script = `
local held = redis.call('GET', KEYS[2])
if held and held >= ARGV[1] then return 0 end
redis.call('SET', KEYS[1], ARGV[2])
redis.call('SET', KEYS[2], ARGV[1])
return 1
`

/** Redis, whose log is synced for each write: a script for each item, pipelined, on both sides. */
export const redis: BenchStore = {
  name: 'redis',
  about: 'Redis with appendfsync always, redis, a script per item that compares versions and sets',
  async open() {
    const server = await service('redis', { instance: 'bench' })
    const client = createClient({ socket: { host: server.host, port: server.port } })
    await client.connect()
    const sha = await client.scriptLoad(script)
    return {
      async round() {
        await client.flushAll()
        return {
          target: redisTarget<Payload>({ client }),
          async writeBatch(items, firstVersion) {
            const answers = await Promise.all(
              items.map(({ key, payload }, at) =>
                client.evalSha(sha, {
                  keys: [key, `{${key}}:version`],
                  arguments: [`${firstVersion + BigInt(at)}`, JSON.stringify(payload)],
                }),
              ),
            )
            if (answers.some((answer) => answer !== 1)) throw new Error('one is newer already')
          },
          /** Each item has two keys. */
          count: async () => (await client.dbSize()) / 2,
        }
      },
      async close() {
        client.destroy()
        await server.remove()
      },
    }
  },
}
