// What somebody who installed @daybook/target-redis would write: typed, and run against the packed files.

import { createWal, fanOut, isWalError, memoryQueue, type } from '@daybook/core'
import { redisTarget } from '@daybook/target-redis'
import { Redis } from 'ioredis'
import { createClient, createCluster } from 'redis'

interface Title {
  readonly name: string
}

const node = redisTarget<Title>({ client: createClient(), ttlMs: 60_000 })
const cluster = redisTarget<Title>({ client: createCluster({ rootNodes: [] }), patch: 'merge' })
const io = redisTarget<Title>({ client: new Redis({ lazyConnect: true }), key: (id) => `t:${id}` })
if (cluster.ops?.includes('patch') !== true) throw new Error('It takes no patches.')

// Nobody listens there: the write is durable, and waits.
const wal = await createWal({
  namespaces: {
    titles: fanOut({
      payload: type<Title>(),
      queue: memoryQueue(),
      targets: { node, io },
      retry: { maxAttempts: 1 },
    }),
  },
})
await wal.namespace('titles').write({ key: 'tt0038787', payload: { name: 'Notorious' } })
await wal.close()

try {
  redisTarget({ client: {} as never })
  throw new Error('It took a client that is none.')
} catch (error) {
  if (!isWalError(error) || error.code !== 'ERR_CONFIG') throw error
}
