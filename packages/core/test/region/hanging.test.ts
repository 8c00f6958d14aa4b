import { describe, expect, it } from 'vitest'
import { type ResolvedNamespace, resolveOptions } from '../../src/config/resolve.ts'
import type { NamespaceStatus } from '../../src/namespace.ts'
import { deliveryPolicyOf } from '../../src/namespace-policy.ts'
import { crossRegionReplication } from '../../src/persona/cross-region-replication.ts'
import { memoryQueue } from '../../src/queue/memory-queue.ts'
import { walTarget } from '../../src/target/wal/wal-target.ts'
import { SeededRandom } from '../../src/testing/seeded-random.ts'
import { VirtualClock } from '../../src/testing/virtual-clock.ts'
import { createWal } from '../../src/wal.ts'
import { RegionStore } from './support/regions.ts'

/** A region whose connections are taken, and never answered. */
const hanging = () => walTarget({ forward: () => new Promise(() => {}) })

async function openNamespaces(clock: VirtualClock, count: number) {
  const names = Array.from({ length: count }, (_, at) => `n${at}`)
  const stores = new Map(names.map((name) => [name, new RegionStore()]))
  const asia = new Map(names.map((name) => [name, new RegionStore()]))
  const wal = await createWal({
    clock,
    random: new SeededRandom(1),
    namespaces: Object.fromEntries(
      names.map((name) => [
        name,
        crossRegionReplication({
          region: { name: 'eu', number: 0 },
          queue: memoryQueue(),
          targets: { store: stores.get(name) as RegionStore },
          peers: {
            us: { number: 1, target: hanging() },
            asia: { number: 2, target: asia.get(name) as RegionStore },
          },
          batch: { maxRecords: 10 },
        }),
      ]),
    ),
  })
  await wal.start()
  return { wal, names, stores, asia }
}

describe('a region that hangs', () => {
  it('delays neither the stores here nor the other regions nor a close, however many namespaces go there', async () => {
    const clock = new VirtualClock()
    const { wal, names, stores, asia } = await openNamespaces(clock, 40)
    for (const name of names) {
      const namespace = wal.namespace(name as never)
      for (let each = 0; each < 50; each++)
        await clock.runUntil(namespace.write({ key: `k${each}`, payload: {} } as never))
    }
    await clock.advance(100)
    const applied = (of: Map<string, RegionStore>) =>
      [...of.values()].reduce((sum, { came }) => sum + came.length, 0)
    expect({ here: applied(stores), asia: applied(asia) }).toEqual({ here: 2000, asia: 2000 })
    const { replication } = (await wal.status()).namespaces['n7'] as NamespaceStatus
    expect(replication?.peers).toMatchObject({
      us: { pending: 50 },
      asia: { pending: 0, lagMs: 0 },
    })
    expect(replication?.peers['us']?.lagMs).toBeGreaterThanOrEqual(100)
    const closedAt = clock.monotonic()
    await clock.runUntil(wal.close({ timeout: 100 }))
    expect(clock.monotonic() - closedAt).toBeLessThan(2000)
  })

  it('holds up the process for a second, and not for the time of an apply, after it has died on its way there', () => {
    const { namespaces } = resolveOptions({
      namespaces: {
        titles: crossRegionReplication({
          region: { name: 'eu', number: 0 },
          queue: memoryQueue(),
          targets: { store: new RegionStore() },
          peers: { us: { number: 1, target: hanging() } },
        }),
      },
    })
    const config = namespaces[0] as ResolvedNamespace
    const aloneFor = (target: string) => deliveryPolicyOf(config, target).aloneForMs
    expect({ us: aloneFor('us'), store: aloneFor('store') }).toEqual({ us: 1000, store: undefined })
  })
})
