import { kafkaQueue } from '@daybook/adapter-kafka'
import { platformatic } from '@daybook/adapter-kafka/platformatic'
import { createWal, crossRegionReplication, type, walTarget } from '@daybook/core'
import { memcachedTarget } from '@daybook/target-memcached'
import { Memcache } from 'memcache'
import type { Bookmark } from './bookmark.ts'
import type { Configuration } from './configuration.ts'
import { sendTo } from './link.ts'

/** The log of one region: what is written here goes to this region's cache, and to every other region. */
export async function openRegionWal({ region, peers, brokers, topic, cache }: Configuration) {
  const client = platformatic({ clientId: region.name, bootstrapBrokers: [...brokers] })
  const reached = Object.entries(peers).map(([name, { number, url }]) => [
    name,
    { number, target: walTarget<Bookmark>({ forward: sendTo(url) }) },
  ])
  return createWal({
    namespaces: {
      bookmarks: crossRegionReplication({
        region,
        payload: type<Bookmark>(),
        queue: kafkaQueue({
          ...{ client, topic, partitions: 3 },
          // One broker on one machine, and a short word for how long a dead process is waited for.
          ...{ allowUnderReplicated: true, sessionTimeoutMs: 6_000 },
        }),
        targets: {
          cache: memcachedTarget<Bookmark>({ client: new Memcache({ nodes: [cache] }) }),
        },
        peers: Object.fromEntries(reached),
        applyTimeout: '2s', // a link on which nothing comes back is given up after that
        breaker: { minOpen: '100ms', maxOpen: '500ms' },
      }),
    },
  })
}
