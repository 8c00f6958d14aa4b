import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { crossRegionReplication } from '../../src/persona/cross-region-replication.ts'
import { memoryQueue } from '../../src/queue/memory-queue.ts'
import type { ForwardedRecord } from '../../src/record.ts'
import { walTarget } from '../../src/target/wal/wal-target.ts'
import { createWal } from '../../src/wal.ts'
import { type Row, VersionedStore } from '../testing/versioned-store.ts'

let directory: string
beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'daybook-turning-on-'))
})
afterEach(() => rm(directory, { recursive: true }))

/** A region's wal on the log in the directory, and what it has sent to its peers. */
async function openRegion(peers: readonly string[], region = { name: 'eu', number: 3 }) {
  const store = new VersionedStore()
  const sent: ForwardedRecord[] = []
  const end = walTarget<Row>({
    forward: async (records) => {
      sent.push(...records)
      return records.map(({ id, version }) => ({ id, version, durable: 'yes' as const }))
    },
  })
  const ends = peers.map((peer, index) => [peer, { number: index, target: end }] as const)
  const wal = await createWal({
    directory,
    namespaces: {
      rows: crossRegionReplication({
        ...{ region, targets: { store }, peers: Object.fromEntries(ends) },
      }),
    },
  })
  const dead: string[] = []
  wal.on('deadLettered', ({ attempts }) => dead.push(String(attempts[0]?.code)))
  return { wal, rows: wal.namespace('rows'), store, sent, dead }
}

describe('a log with a backlog from before it was replicated', () => {
  it('is applied here and travels to peers as what this region wrote', async () => {
    const before = await createWal({
      directory,
      namespaces: { rows: { targets: { store: new VersionedStore() } } },
    })
    const { version } = await before.write('rows', { key: 'a', payload: { title: 'old' } })
    await before.close()
    const { wal, rows, store, sent } = await openRegion(['us'])
    await wal.start()
    await rows.write({ key: 'b', payload: { title: 'new' } })
    await wal.drain()
    expect(await store.read('a')).toEqual({ title: 'old' })
    expect(sent).toMatchObject([
      { key: 'a', origin: 'eu', version: version + 3n },
      { key: 'b', origin: 'eu' },
    ])
    expect((await wal.status()).namespaces.rows.targets).toMatchObject({
      store: { pending: 0 },
      us: { pending: 0 },
    })
    await wal.close()
  })

  it('keeps to itself what another wal had forwarded into it', async () => {
    const before = await createWal({
      directory,
      namespaces: { rows: { targets: { store: new VersionedStore() } } },
    })
    const source = await createWal({
      namespaces: {
        rows: {
          queue: memoryQueue(),
          deadLetters: 'off',
          targets: { there: walTarget({ namespace: before.namespace('rows') }) },
        },
      },
    })
    await source.start()
    await source.write('rows', { key: 'a', payload: { title: 'old' } })
    await source.drain()
    await Promise.all([source.close(), before.close()])
    const { wal, store, sent } = await openRegion(['us'])
    await wal.start()
    await wal.drain()
    expect(await store.read('a')).toEqual({ title: 'old' })
    expect(sent).toEqual([])
    await wal.close()
  })
})

describe('what a peer has sent before it was removed', () => {
  const ofPeer = (origin: string, number: number) => ({
    ...({ id: `01900000-0000-7000-8000-00000000000${number}`, key: origin, op: 'put' } as const),
    ...{ payload: { title: origin }, headers: {}, writtenAt: Date.now(), origin },
    version: ((BigInt(Date.now()) * 1000n) & ~15n) + BigInt(number),
  })

  it('is applied here where it was taken by forward, and so where its number is another now', async () => {
    const before = await openRegion(['us', 'asia'])
    await before.rows.forward([ofPeer('us', 0), ofPeer('asia', 1)])
    await before.wal.close()
    const { wal, store, sent, dead } = await openRegion(['asia'])
    await wal.start()
    await wal.drain()
    for (const key of ['us', 'asia']) expect(await store.read(key)).toEqual({ title: key })
    expect([sent, dead]).toEqual([[], []])
    await wal.close()
  })

  it('becomes a dead letter where it comes by a shared queue, and is applied once redriven', async () => {
    const queue = memoryQueue()
    Object.assign(queue, { supports: { ...queue.supports, shared: true } })
    const store = new VersionedStore()
    const wal = await createWal({
      namespaces: {
        rows: crossRegionReplication({
          ...{ region: { name: 'eu', number: 0 }, targets: { store }, queue },
          peers: { us: { number: 1, target: new VersionedStore() } },
        }),
      },
    })
    const rows = wal.namespace('rows')
    const { key, payload, ...rest } = ofPeer('asia', 2)
    const record = {
      ...rest,
      key,
      namespace: 'rows',
      payload: Buffer.from(JSON.stringify(payload)),
    }
    const producer = await queue.producer()
    await producer.send([{ ...record, attemptEpoch: 0 } as never], {} as never)
    await wal.start()
    await wal.drain()
    expect(await store.read('asia')).toBeUndefined()
    const { letters } = await rows.deadLetters.list()
    expect(letters).toMatchObject([{ target: 'store', attempts: [{ code: 'ERR_UNKNOWN_REGION' }] }])
    await rows.deadLetters.redrive('all')
    await wal.drain()
    expect(await store.read('asia')).toEqual({ title: 'asia' })
    await wal.close()
  })
})
