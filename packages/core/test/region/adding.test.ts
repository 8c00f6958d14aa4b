import { describe, expect, it } from 'vitest'
import { systemClock } from '../../src/clock.ts'
import { type } from '../../src/config/payload-type.ts'
import type { Namespace } from '../../src/namespace.ts'
import { crossRegionReplication } from '../../src/persona/cross-region-replication.ts'
import { fileQueue } from '../../src/queue/file/file-queue.ts'
import { memoryQueue } from '../../src/queue/memory-queue.ts'
import type { Queue } from '../../src/queue/queue.ts'
import { walTarget } from '../../src/target/wal/wal-target.ts'
import { createWal } from '../../src/wal.ts'
import { temporaryDirectory } from '../queue/file/support/temporary-directory.ts'
import type { Row } from '../testing/versioned-store.ts'
import { RegionStore } from './support/regions.ts'

const minute = 60_000

/** A store that says that it remembers deletes for ten minutes. */
class ForgetfulStore extends RegionStore {
  override remembersDeletesMs = () => 10 * minute
}

type Opened = Awaited<ReturnType<typeof openRegion>>
type Taking = Pick<Namespace<Row>, 'forward'>

/** A region of two; `now` moves the clocks of both. */
async function openRegion(
  name: 'eu' | 'us',
  now: () => number,
  { queue, other }: { readonly queue: Queue; readonly other: () => Taking },
) {
  const peer = name === 'eu' ? 'us' : 'eu'
  const store = name === 'eu' ? new RegionStore() : new ForgetfulStore()
  const number = { eu: 0, us: 1 }
  const wal = await createWal({
    clock: { ...systemClock, now },
    namespaces: {
      rows: crossRegionReplication({
        payload: type<Row>(),
        region: { name, number: number[name] },
        queue,
        targets: { store },
        peers: {
          [peer]: {
            number: number[peer],
            target: walTarget<Row>({
              forward: (records, options) => other().forward(records, options),
            }),
          },
        },
        longestLag: '5m',
      }),
    },
  })
  await wal.start()
  return { wal, store, rows: wal.namespace('rows') }
}

/** One region with a log on the disk that wrote, half an hour ago, what another has got; now that one begins anew. */
async function withOldRecords() {
  let passedMs = 0
  const now = () => systemClock.now() + passedMs
  const queue = fileQueue({ directory: await temporaryDirectory() })
  const regions: { us?: Opened; eu?: Opened } = {}
  const openUs = () =>
    openRegion('us', now, { queue: memoryQueue(), other: () => regions.eu?.rows as Taking })
  const eu = await openRegion('eu', now, { queue, other: () => regions.us?.rows as Taking })
  regions.us = await openUs()
  await eu.rows.write({ key: 'kept', payload: { title: 'old' } })
  await eu.rows.write({ key: 'gone', payload: { title: 'old' } })
  await eu.rows.delete({ key: 'gone' })
  passedMs = 30 * minute
  await eu.rows.write({ key: 'kept', payload: { title: 'new' } })
  await eu.rows.write({ key: 'recent', payload: { title: 'new' } })
  await eu.wal.drain()
  await regions.us.wal.close()
  const us = await openUs()
  regions.us = us
  const close = async () => {
    await eu.wal.close()
    await us.wal.close()
  }
  return { eu, us, close }
}

describe('a region that is filled by a replay of old records', () => {
  it('gets what is older than its stores remember deletes as dead letters, and is whole once they are redriven', async () => {
    const { eu, us, close } = await withOldRecords()
    // What is behind the peer's end guards by version; the end itself cannot say so.
    await eu.rows.replay({ target: 'us', force: true })
    await eu.wal.drain()
    await us.wal.drain()
    const { letters } = await us.rows.deadLetters.list()
    const named = letters.map(({ attempts, record }) => [record?.key, attempts.at(-1)?.code])
    expect(named.sort()).toEqual([
      ['gone', 'ERR_TOO_LATE'],
      ['kept', 'ERR_TOO_LATE'],
    ])
    await us.rows.deadLetters.redrive('all')
    await us.wal.drain()
    const rows: [string, Row | undefined][] = [
      ['kept', { title: 'new' }],
      ['gone', undefined],
      ['recent', { title: 'new' }],
    ]
    for (const [key, row] of rows) {
      expect(await us.store.read(key), key).toEqual(row)
      expect(await eu.store.read(key), key).toEqual(row)
    }
    await close()
  })
})
