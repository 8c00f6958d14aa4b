import { describe, expect, it } from 'vitest'
import { createWal, defineTarget, fileQueue, multiPartitionMutation } from '../../src/index.ts'
import { SeededRandom } from '../../src/testing/seeded-random.ts'
import { SimulatedFileSystem } from '../../src/testing/simulated-file-system.ts'
import { VirtualClock } from '../../src/testing/virtual-clock.ts'
import { HeadChanges } from '../../src/transaction/head-changes.ts'
import { markerOf } from '../../src/transaction/marker.ts'
import { memoryTransactionStore } from '../../src/transaction/memory-transactions.ts'
import { openLock } from '../queue/file/support/open-lock.ts'
import { one, SharedPlace, two } from './support/process.ts'

const seed = Number(process.env['DAYBOOK_SEED'])
const hourMs = 3_600_000

describe('the marker of a sealed transaction', () => {
  it('is sent once, on disk, however long no target takes it and however often the log is opened', async () => {
    const clock = new VirtualClock()
    let disk = new SimulatedFileSystem({ random: new SeededRandom(seed) })
    const open = async () => {
      const wal = await createWal({
        clock,
        namespaces: {
          rows: multiPartitionMutation({
            queue: fileQueue({ directory: '/wal/rows', fileSystem: disk, lock: openLock }),
            targets: {
              base: defineTarget(async () => {}, { idempotency: 'version' }),
            },
          }),
        },
      })
      const pending = async () => (await wal.status()).namespaces.rows.targets.base.pending
      return { wal, pending }
    }
    const first = await open()
    for (let at = 0; at < 5; at++) {
      await first.wal.namespace('rows').transaction((tx) => {
        return tx.put('base', { key: `k${at}`, payload: { at } })
      })
    }
    for (let minute = 0; minute < 10; minute++) await clock.advance(61_000)
    expect(await first.pending()).toBe(5)
    await clock.runUntil(first.wal.close())
    const second = await open()
    expect(await second.pending()).toBe(5)
    for (let minute = 0; minute < 3; minute++) await clock.advance(61_000)
    disk = disk.kill()
    const third = await open()
    expect(await third.pending()).toBe(5)
    await clock.runUntil(third.wal.close())
  })

  it('is not sent by the next life where this one was closed within a minute', async () => {
    const place = new SharedPlace()
    const own = { ownsStore: true, namesKeys: true }
    const first = place.process({ ...own, store: memoryTransactionStore(place.shelf) })
    await first.run(one, {})
    await first.close()
    await place.process(own).begin()
    expect(place.queue).toHaveLength(1)
  })

  it('is sent once on a shared queue while its writer lives, however long no target takes it', async () => {
    const place = new SharedPlace()
    const [writer, other] = [place.process(), place.process()]
    await writer.begin()
    await other.begin()
    await writer.run(one, {})
    await place.clock.advance(5 * hourMs)
    expect(place.queue).toHaveLength(1)
    expect(place.errors).toEqual([])
  })

  it('is sent once by those that are left where its writer died before it did', async () => {
    const place = new SharedPlace()
    const dying = place.process({ send: () => new Promise(() => {}) })
    void dying.run(one, {}).catch(() => {})
    await place.clock.advance(1000)
    const others = [place.process(), place.process(), place.process()]
    for (const other of others) await other.begin()
    await place.clock.advance(60_000)
    expect(place.queue).toHaveLength(0)
    await place.clock.advance(5 * hourMs)
    expect(place.queue).toHaveLength(1)
  })

  it('is tried again each minute while the queue takes nothing', async () => {
    const place = new SharedPlace()
    const writer = place.process()
    await writer.begin()
    place.answer = () => ({ durable: 'no' })
    expect(await writer.run(one, {})).toMatchObject({ durable: 'yes' })
    await place.clock.advance(600_000)
    expect(place.errors.length).toBeGreaterThan(5)
    place.answer = () => ({ durable: 'yes' })
    await place.clock.advance(hourMs)
    expect(place.queue).toHaveLength(1)
  })

  it('is sent after a while by another where one died between its note and the queue', async () => {
    const place = new SharedPlace()
    const dying = place.process({ send: () => new Promise(() => {}) })
    void dying.run(one, {}).catch(() => {})
    await place.clock.advance(180_000)
    void dying.sweep()
    void place.process({ send: () => new Promise(() => {}) }).sweep()
    await place.clock.advance(60_000)
    await place.process().begin()
    await place.clock.advance(300_000)
    expect(place.queue).toHaveLength(0)
    await place.clock.advance(hourMs)
    expect(place.queue).toHaveLength(1)
  })

  it('has one version on a shared queue, that of the receipt and below that of every later write, whoever sends it', async () => {
    const place = new SharedPlace()
    place.answer = () => ({ durable: 'no' })
    const { id, version, durable } = await place.process().run(one, {})
    expect(durable).toBe('yes')
    expect((await place.store.get(id))?.version).toBe(version)
    place.answer = () => ({ durable: 'yes' })
    await place.process().begin()
    await place.clock.advance(hourMs)
    expect(place.queue.map((marker) => marker.version)).toEqual([version])
  })

  it('is answered with the same version once more when it is asked for by its id', async () => {
    const place = new SharedPlace()
    place.answer = () => ({ durable: 'unknown' })
    const { id, version } = await place.process().run(one, {})
    place.answer = () => ({ durable: 'yes' })
    await place.clock.advance(1000)
    expect(await place.process().run(one, { id })).toEqual({ id, version, durable: 'yes' })
    expect(place.queue.map((marker) => marker.version)).toEqual([version])
  })

  it('is sent once more by a later life where a queue in memory has forgotten it and its store has not', async () => {
    const place = new SharedPlace()
    const memory = { namesKeys: true }
    const first = place.process(memory)
    await first.begin()
    await first.run(one, {})
    await place.clock.advance(hourMs)
    expect(place.queue.splice(0)).toHaveLength(1)
    await place.process(memory).begin()
    await place.clock.advance(5 * hourMs)
    expect(place.queue).toHaveLength(1)
  })

  it.each(['sealed', 'applying'] as const)(
    'is sent again, with the same version, once a shared queue has removed it while the transaction was %s',
    async (state) => {
      const place = new SharedPlace()
      const writer = place.process({ handsOutForMs: 5 * hourMs })
      const { id, version } = await writer.run(two, {})
      await writer.begin()
      if (state === 'applying') {
        await place.clock.advance(hourMs)
        const changes = new HeadChanges({ ...place, onChange: () => {} })
        await changes.progress(id, 'base', () => ({ state: 'applied', applied: 1 }))
      }
      await place.clock.advance(4.9 * hourMs)
      expect(place.queue).toHaveLength(1)
      await place.clock.advance(1.2 * hourMs)
      expect(place.queue.map((marker) => marker.version)).toEqual([version, version])
      await place.clock.advance(3 * hourMs)
      expect(place.queue).toHaveLength(2)
      expect((await place.store.get(id))?.state).toBe(state)
    },
  )

  it.each(['waiting', 'parked'] as const)(
    'is sent again for the other target alone once a shared queue has removed it while one is parked and that is %s',
    async (other) => {
      const place = new SharedPlace()
      const writer = place.process({ handsOutForMs: 5 * hourMs })
      const { id, version } = await writer.run(two, {})
      await writer.begin()
      await place.clock.advance(hourMs)
      const changes = new HeadChanges({ ...place, onChange: () => {} })
      await changes.progress(id, 'base', () => ({ state: 'parked' }))
      await changes.progress(id, 'index', () => ({ state: other }))
      await place.clock.advance(4.9 * hourMs)
      expect(place.queue.splice(0)).toHaveLength(1)
      await place.clock.advance(4 * hourMs)
      const sent = other === 'waiting' ? [{ version, targets: ['index'] }] : []
      const again = place.queue.map((record) => ({
        version: record.version,
        targets: Object.keys(markerOf(record)?.targets ?? {}),
      }))
      expect(again).toEqual(sent)
      expect((await place.store.get(id))?.state).toBe('parked')
    },
  )
})
