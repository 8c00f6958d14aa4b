import { describe, expect, it } from 'vitest'
import {
  createWal,
  fileQueue,
  multiPartitionMutation,
  type Target,
  type WalRecord,
} from '../../src/index.ts'
import { SeededRandom } from '../../src/testing/seeded-random.ts'
import { type DiskFault, SimulatedFileSystem } from '../../src/testing/simulated-file-system.ts'
import { openLock } from '../queue/file/support/open-lock.ts'
import { World } from './support/transaction-world.ts'

const seed = Number(process.env['DAYBOOK_SEED'])

/** A life over a disk, with a target that lets `hold` decide when a record is applied. */
async function openLife(
  disk: SimulatedFileSystem,
  hold: (record: WalRecord, signal: AbortSignal) => Promise<void> | void = () => {},
) {
  const given: string[] = []
  const versions = new Set<string>()
  const errors: string[] = []
  const base: Target = {
    idempotency: 'version',
    async apply([record], { signal }) {
      if (record === undefined) return
      versions.add(`${record.key} at ${record.version}`)
      await hold(record, signal)
      given.push(`${record.key}=${record.payload}`)
    },
  }
  const queue = fileQueue({ directory: '/wal/rows', fileSystem: disk, lock: openLock })
  const retry = { minDelay: 1, maxDelay: 2 }
  const wal = await createWal({
    namespaces: { rows: multiPartitionMutation({ queue, targets: { base }, retry }) },
  })
  wal.on('error', ({ error }) => errors.push(error.message))
  const rows = wal.namespace('rows')
  const transact = (payload: string, ...keys: string[]) =>
    rows.transaction(async (tx) => {
      for (const key of keys) await tx.put('base', { key, payload })
    })
  return { wal, rows, transact, given, versions, errors }
}

/** Rejects once the signal is aborted. */
function abortOf(signal: AbortSignal): Promise<never> {
  return new Promise((_, reject) => {
    signal.addEventListener('abort', () => reject(signal.reason), { once: true })
  })
}

function newDisk(): SimulatedFileSystem {
  return new SimulatedFileSystem({ random: new SeededRandom(seed) })
}

const failedSyncOfCursor: SimulatedFileSystem['fault'] = ({ kind, path }): DiskFault | undefined =>
  kind === 'sync' && path.includes('/cursors/') ? { fail: 'EIO' } : undefined

describe('before the first mutation of a transaction', () => {
  it('the acks of its keys are synced, and those of others are not waited for', async () => {
    const disk = newDisk()
    const { wal, rows, transact, given, errors } = await openLife(disk)
    await wal.start()
    await transact('first', 'a', 'b')
    await wal.drain()
    await rows.write({ key: 'a', payload: 'write' })
    await wal.drain()
    disk.fault = failedSyncOfCursor
    await transact('second', 'b', 'c')
    await transact('third', 'b', 'd')
    await wal.drain()
    const before = ['a=first', 'b=first', 'a=write', 'b=second', 'c=second', 'b=third', 'd=third']
    expect(given).toEqual(before)
    await transact('fourth', 'd', 'a')
    await expect.poll(() => errors.join()).toContain('could not be synced')
    expect(given).toEqual(before)
    disk.fault = () => undefined
    await wal.drain()
    expect(given).toEqual([...before, 'd=fourth', 'a=fourth'])
    await wal.close()
  })

  it('nothing of it is stored: killed by then, it is applied as a whole by the next life, with the same versions', async () => {
    const disk = newDisk()
    const gate = Promise.withResolvers<void>()
    const first = await openLife(disk, () => gate.promise)
    await first.wal.start()
    const { id } = await first.transact('1', 'a', 'b', 'c')
    await expect.poll(() => first.versions.size).toBe(1)
    expect(await first.rows.transactionStatus(id)).toMatchObject({ state: 'applying' })
    const second = await openLife(disk.kill())
    // What was at its target when the process died is applied with nothing else under way in the whole process.
    gate.resolve()
    expect(await second.rows.transactionStatus(id)).toMatchObject({ state: 'sealed' })
    await second.rows.write({ key: 'a', payload: '2' })
    await second.wal.start()
    await second.wal.drain()
    expect(second.given).toEqual(['a=1', 'b=1', 'c=1', 'a=2'])
    expect(await second.rows.transactionStatus(id)).toMatchObject({ state: 'applied' })
    // Of the versions of 'a' there is that of the transaction, and that of the write.
    const versions = [...new Set([...first.versions, ...second.versions])]
    expect(versions.filter((version) => version.startsWith('a at'))).toHaveLength(2)
    expect((await second.rows.deadLetters.list()).letters).toEqual([])
    await second.wal.close()
  })

  it('what a close cuts short is stored as begun, and its marker is not sent again', async () => {
    const disk = newDisk()
    const first = await openLife(disk, (_, signal) => abortOf(signal))
    await first.wal.start()
    const { id } = await first.transact('1', 'a', 'b')
    const isApplying = async () => (await first.rows.transactionStatus(id))?.state
    await expect.poll(isApplying).toBe('applying')
    await first.wal.close({ timeout: 10 })
    const second = await openLife(disk)
    expect(await second.rows.transactionStatus(id)).toMatchObject({ state: 'applying' })
    expect((await second.wal.status()).namespaces.rows.targets.base.pending).toBe(1)
    await second.wal.start()
    await second.wal.drain()
    expect(second.given).toEqual(['a=1', 'b=1'])
    await second.wal.close()
  })

  it('it is stored from where a later attempt goes on, or a mutation that kills the process would count as progress each time', async () => {
    const world = new World({ count: 3, bytes: 10 })
    const marker = await world.written()
    const { put } = world.store
    const begun: unknown[] = []
    world.store.put = (head, how) => {
      const { attemptedAt } = head.targets['base'] ?? {}
      begun.push({ attemptedAt, mayWait: how?.mayWait === true })
      return put(head, how)
    }
    const { atTargets } = world.process('life')
    const attempt = async () => {
      const beginning = await atTargets.begin(marker, 'base')
      if (beginning.kind !== 'ready') throw new Error(beginning.kind)
      return beginning.run
    }
    const first = await attempt()
    expect(begun).toEqual([{ attemptedAt: 0, mayWait: true }])
    await first.next({ maxRecords: 1, maxBytes: 1e9 })
    await first.advance(1)
    await first.end()
    begun.length = 0
    const second = await attempt()
    expect(begun).toEqual([{ attemptedAt: 1, mayWait: false }])
    expect(second.progressed).toBe(true)
    const third = await attempt()
    expect(third.progressed).toBe(false)
  })
})
