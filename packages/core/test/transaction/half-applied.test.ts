import { describe, expect, it } from 'vitest'
import {
  applied,
  createWal,
  defineTarget,
  fileQueue,
  multiPartitionMutation,
  type Outcome,
  permanent,
  type WalRecord,
} from '../../src/index.ts'
import { salvageFileQueue } from '../../src/queue/file/inspect/salvage-file-queue.ts'
import { SeededRandom } from '../../src/testing/seeded-random.ts'
import { SimulatedFileSystem } from '../../src/testing/simulated-file-system.ts'
import { HeadChanges } from '../../src/transaction/head-changes.ts'
import type { TransactionStore } from '../../src/transaction/transaction-store.ts'
import { TransactionsAtTargets } from '../../src/transaction/transactions-at-targets.ts'
import { openLock } from '../queue/file/support/open-lock.ts'
import { World } from './support/transaction-world.ts'

const seed = Number(process.env['DAYBOOK_SEED'])
const directory = '/wal/rows'
const into = '/wal/copy'

interface OpenOptions {
  readonly disk?: SimulatedFileSystem
  readonly directory?: string
  /** Default: `base`. */
  readonly names?: readonly string[]
  /** Default true. */
  readonly isStarted?: boolean
  answer?(record: WalRecord): Promise<Outcome> | Outcome
}

async function openWal({ answer = () => applied, ...options }: OpenOptions = {}) {
  const disk = options.disk ?? new SimulatedFileSystem({ random: new SeededRandom(seed) })
  const given: string[] = []
  const target = defineTarget.each(
    async (record) => {
      given.push(`${record.key}`)
      return answer(record)
    },
    { idempotency: 'version' },
  )
  const wal = await createWal({
    namespaces: {
      rows: multiPartitionMutation({
        queue: fileQueue({
          directory: options.directory ?? directory,
          fileSystem: disk,
          lock: openLock,
        }),
        targets: Object.fromEntries((options.names ?? ['base']).map((name) => [name, target])),
        retry: { maxAttempts: 3, minDelay: 1, maxDelay: 2 },
      }),
    },
  })
  const errors: string[] = []
  wal.on('error', ({ error }) => errors.push(`${error.code}: ${error.message}`))
  if (options.isStarted !== false) await wal.start()
  return { wal, rows: wal.namespace('rows'), given, errors, disk }
}

describe('a transaction of which a part is applied', () => {
  it('is looked through anew where its store gives the rest no more', async () => {
    const world = new World({ count: 3, bytes: 150_000 })
    const chunk = world.store.chunk.bind(world.store)
    let isLost = false
    const store: TransactionStore = {
      ...world.store,
      chunk: async (id, index) => (isLost && index > 0 ? undefined : chunk(id, index)),
    }
    const marker = await world.written()
    const { clock } = world
    const changes = new HeadChanges({ store, clock, onChange: () => {} })
    const atTargets = new TransactionsAtTargets({
      ...{ namespace: 'rows', store, changes, clock, patienceMs: 0 },
    })
    const beginning = await atTargets.begin(marker, 'base')
    if (beginning.kind !== 'ready') throw new Error(`it is ${beginning.kind}`)
    const { run } = beginning
    const most = { maxRecords: 1, maxBytes: 1 }
    expect(await run.next(most)).toHaveLength(1)
    await run.advance(1)
    isLost = true
    await expect(run.next(most)).rejects.toThrow('is gone')
    const { targets } = (await store.get(world.id)) ?? {}
    expect(targets?.['base']?.applied).toBe(1)
    expect(await atTargets.begin(marker, 'base')).toMatchObject({
      ...{ kind: 'refused', code: 'ERR_TRANSACTION_INCOMPLETE' },
    })
  })

  it.each([
    'goes on in a salvaged copy that has lost its marker',
    'goes on where the salvaged copy took no marker at first',
  ])('%s', async (name) => {
    const reached = Promise.withResolvers<void>()
    const first = await openWal({
      answer: ({ key }) => {
        if (key === 'a') return applied
        reached.resolve()
        return new Promise(() => {})
      },
    })
    const { id } = await first.rows.transaction(async (tx) => {
      await tx.put('base', { key: 'a', payload: {} })
      await tx.put('base', { key: 'b', payload: {} })
    })
    await reached.promise
    await first.wal.close({ timeout: 1 }).catch(() => {})
    const disk = await salvaged(first.disk)
    if (name.endsWith('at first')) {
      disk.fault = ({ path, kind }) =>
        path.includes('/segments/') && kind.startsWith('write') ? { fail: 'ENOSPC' } : undefined
      await (await openWal({ disk, directory: into })).wal.close()
      disk.fault = () => undefined
    }
    const copy = await openWal({ disk, directory: into })
    await copy.wal.drain()
    expect(copy.given.at(-1)).toBe('b')
    expect((await copy.rows.transactionStatus(id))?.state).toBe('applied')
    await copy.wal.close()
  })

  it.each([
    { left: 'its letter, waits for that', redriven: false, given: [], state: 'parked' },
    { left: 'none, goes on', redriven: true, given: ['b'], state: 'applied' },
  ])(
    'and that is parked, in a salvaged copy that has lost its marker and has $left',
    async (one) => {
      const first = await openWal({
        answer: ({ key }) => (key === 'b' ? permanent('BROKEN', 'no') : applied),
      })
      const { id } = await first.rows.transaction(async (tx) => {
        await tx.put('base', { key: 'a', payload: {} })
        await tx.put('base', { key: 'b', payload: {} })
      })
      await first.wal.drain()
      await first.wal.close()
      const { disk } = first
      if (one.redriven) {
        // Never delivered: the next life has not started.
        const second = await openWal({ disk, isStarted: false })
        await second.rows.deadLetters.redrive('all')
        await second.wal.close()
      }
      const copy = await openWal({ disk: await salvaged(disk), directory: into })
      await copy.wal.drain()
      expect(copy.given).toEqual(one.given)
      expect((await copy.rows.transactionStatus(id))?.state).toBe(one.state)
      await copy.wal.close()
    },
  )

  it('for one target waits for the other, which is told of where it was taken out, until that is back', async () => {
    const first = await openWal({ names: ['base', 'index'], isStarted: false })
    const { id } = await first.rows.transaction(async (tx) => {
      await tx.put('base', { key: 'a', payload: {} })
      await tx.put('index', { key: 'b', payload: {} })
    })
    await first.wal.close()
    const { disk } = first
    const without = await openWal({ disk })
    await without.wal.drain()
    expect(without.given).toEqual(['a'])
    expect((await without.rows.transactionStatus(id))?.state).toBe('applying')
    expect(without.errors).toEqual([
      expect.stringMatching(/^ERR_UNKNOWN_TARGET: A transaction has mutations for target 'index'/),
    ])
    await without.wal.close()
    const back = await openWal({ disk, names: ['base', 'index'] })
    await back.wal.drain()
    expect(back.given).toEqual(['b'])
    expect((await back.rows.transactionStatus(id))?.state).toBe('applied')
    expect(back.errors).toEqual([])
    await back.wal.close()
  })
})

/** With a copy of the log, all of whose records are lost. */
async function salvaged(disk: SimulatedFileSystem): Promise<SimulatedFileSystem> {
  const path = `${directory}/segments/000000000001.segment`
  // Behind the header nothing is left.
  disk.put(path, Buffer.from(disk.bytesOf(path)).fill(0xff, 150))
  const ports = { fileSystem: disk, isOwned: async () => false, lock: openLock }
  const { copied } = await salvageFileQueue({ from: directory, into, ...ports })
  expect(copied.records).toBe(0)
  return disk
}
