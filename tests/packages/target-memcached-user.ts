// What somebody who installed @daybook/target-memcached would write: typed, and run against the packed files.

import { createRequire } from 'node:module'
import { createWal, fanOut, isWalError, memoryQueue, type } from '@daybook/core'
import { memcachedTarget, memcachedValue } from '@daybook/target-memcached'
import { MemcacheClient } from 'memcache-client'

// Untyped here: the types that `memcache` depends on want those of a browser, or `skipLibCheck`.
const { Memcache } = createRequire(import.meta.url)('memcache')

interface Title {
  readonly name: string
}

const many = memcachedTarget<Title>({
  client: new Memcache({ nodes: ['127.0.0.1:1', '127.0.0.1:2'] }),
})
const one = memcachedTarget<Title>({
  client: new MemcacheClient({ server: '127.0.0.1:1' }),
  key: (id) => `t:${id}`,
  ttlMs: 60_000,
})

// Nobody listens there: the write is durable, and waits.
const wal = await createWal({
  namespaces: {
    titles: fanOut({
      payload: type<Title>(),
      queue: memoryQueue(),
      targets: { many, one },
      retry: { maxAttempts: 1 },
    }),
  },
})
await wal.namespace('titles').write({ key: 'tt0038787', payload: { name: 'Notorious' } })
await wal.close()

if (memcachedValue('{"name":"Notorious"}').version !== undefined) throw new Error('A version?')
try {
  memcachedTarget({ client: {} as never })
  throw new Error('It took a client that is none.')
} catch (error) {
  if (!isWalError(error) || error.code !== 'ERR_CONFIG') throw error
}
