import { describe, expect, it } from 'vitest'
import {
  applied,
  createWal,
  defineTarget,
  fanOut,
  fileQueue,
  multiPartitionMutation,
  type Outcome,
  permanent,
  type TransactionEvent,
  type TransactionStore,
  type WalRecord,
} from '../../src/index.ts'
import { salvageFileQueue } from '../../src/queue/file/inspect/salvage-file-queue.ts'
import { verifyFileQueue } from '../../src/queue/file/inspect/verify-file-queue.ts'
import { SeededRandom } from '../../src/testing/seeded-random.ts'
import { SimulatedFileSystem } from '../../src/testing/simulated-file-system.ts'
import { memoryTransactionStore } from '../../src/transaction/memory-transactions.ts'
import { openLock } from '../queue/file/support/open-lock.ts'

const seed = Number(process.env['DAYBOOK_SEED'])
const directory = '/wal/rows'
const value = (text: string) => ({ payload: { text } })

function newDisk(): SimulatedFileSystem {
  return new SimulatedFileSystem({ random: new SeededRandom(seed) })
}

interface OpenOptions {
  readonly disk?: SimulatedFileSystem
  readonly answer?: (record: WalRecord) => Outcome
  readonly store?: TransactionStore
  readonly directory?: string
}

async function openWal({ disk = newDisk(), answer = () => applied, ...options }: OpenOptions = {}) {
  const given: string[] = []
  const target = defineTarget.each(
    async (record) => {
      const outcome = answer(record)
      if (outcome.status === 'applied') {
        given.push(`${record.key}=${(record.payload as { text: string }).text}`)
      }
      return outcome
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
        targets: { base: target },
        retry: { maxAttempts: 2, minDelay: 1, maxDelay: 2 },
        transactions: options.store ? { store: options.store } : {},
      }),
    },
  })
  const events: TransactionEvent[] = []
  const errors: string[] = []
  wal.on('transaction', (event) => events.push(event))
  wal.on('error', ({ error }) => errors.push(error.code))
  return { wal, rows: wal.namespace('rows'), given, events, errors, disk }
}

describe('a transaction on disk', () => {
  it('is applied by a later life of the process, before what was written after it', async () => {
    const first = await openWal()
    const { id } = await first.rows.transaction(async (tx) => {
      await tx.put('base', { key: 'a', ...value('1') })
      await tx.put('base', { key: 'b', ...value('1') })
    })
    await first.rows.write({ key: 'a', ...value('2') })
    const second = await openWal({ disk: first.disk.kill() })
    expect(await second.rows.transactionStatus(id)).toMatchObject({ state: 'sealed' })
    await second.wal.start()
    await second.wal.drain()
    expect(second.given).toEqual(['a=1', 'b=1', 'a=2'])
    expect(await second.rows.transactionStatus(id)).toMatchObject({ state: 'applied' })
    await second.wal.close()
  })

  it('is sent on by the next opening where its marker was left out, ahead of new writes', async () => {
    const first = await openWal()
    first.disk.fault = ({ kind, path }) =>
      path.includes('/segments/') && kind !== 'read' ? { halt: true } : undefined
    const call = first.rows.transaction(async (tx) => {
      await tx.put('base', { key: 'a', ...value('1') })
    })
    call.catch(() => {})
    await first.disk.halted
    const second = await openWal({ disk: first.disk.crash({ keep: 'none' }) })
    await second.rows.write({ key: 'a', ...value('2') })
    await second.wal.start()
    await second.wal.drain()
    expect(second.given).toEqual(['a=1', 'a=2'])
    await second.wal.close()
  })

  it('is answered no, and never applied, where the queue cannot take its marker', async () => {
    const { wal, rows, disk, given, events } = await openWal()
    disk.fault = ({ path, kind }) =>
      path.includes('/segments/') && kind.startsWith('write') ? { fail: 'ENOSPC' } : undefined
    const refused = rows.transaction((tx) => tx.put('base', { key: 'a', ...value('1') }))
    await expect(refused).rejects.toMatchObject({
      code: 'ERR_NOT_DURABLE',
      receipt: { durable: 'no' },
    })
    disk.fault = () => undefined
    expect(events.map(({ state }) => state)).toEqual(['sealed', 'discarded'])
    await rows.write({ key: 'a', ...value('2') })
    await wal.start()
    await wal.drain()
    expect(given).toEqual(['a=2'])
    await wal.close()
  })

  it('is answered no, and never applied, where its store fails', async () => {
    for (const lands of [0, 0.5, 1]) {
      const { wal, rows, disk, given } = await openWal()
      let failed = false
      disk.fault = ({ path, kind }) => {
        if (failed || !path.includes('sets.journal') || kind !== 'writeDurably') return undefined
        failed = true
        return { fail: 'EIO', lands }
      }
      const refused = rows.transaction((tx) => tx.put('base', { key: 'a', ...value('1') }))
      await expect(refused).rejects.toMatchObject({ receipt: { durable: 'no' } })
      expect(failed).toBe(true)
      await wal.close()
      const again = await openWal({ disk: disk.kill() })
      await again.wal.start()
      await again.wal.drain()
      expect([...given, ...again.given]).toEqual([])
      await again.wal.close()
    }
  })

  it('can be asked for once more by its id after nobody knew, and is applied once', async () => {
    const { wal, rows, given } = await openWal()
    const build = (text: string) => (tx: { put: (...args: never[]) => Promise<void> }) =>
      tx.put(...(['base', { key: 'a', ...value(text) }] as unknown as never[]))
    const { id, version } = await rows.transaction(build('1') as never)
    const again = await rows.transaction(build('2') as never, { id })
    expect(again).toMatchObject({ id, durable: 'yes' })
    await wal.start()
    await wal.drain()
    expect(given).toEqual(['a=1'])
    expect(await rows.transaction(build('3') as never, { id })).toMatchObject({ durable: 'yes' })
    expect(version).toBeGreaterThan(0n)
    await wal.close()
  })

  it('discards what an earlier life has left open', async () => {
    const first = await openWal()
    const large = 'x'.repeat(600_000)
    const call = first.rows.transaction(async (tx) => {
      await tx.put('base', { key: 'a', ...value(large) })
      await new Promise(() => {})
    })
    call.catch(() => {})
    await expect.poll(() => first.events.map(({ state }) => state)).toEqual(['open'])
    const { id } = first.events[0] as TransactionEvent
    const second = await openWal({ disk: first.disk.kill() })
    expect(await second.rows.transactionStatus(id)).toMatchObject({ state: 'discarded' })
    await second.wal.start()
    await second.wal.drain()
    expect(second.given).toEqual([])
    await second.wal.close()
  })

  it('stays parked over a restart, and goes on with the mutation that failed', async () => {
    const answer = (record: WalRecord): Outcome =>
      record.key === 'bad' ? permanent('BROKEN', 'no') : applied
    const first = await openWal({ answer })
    const { id } = await first.rows.transaction(async (tx) => {
      for (const key of ['a', 'bad', 'c']) await tx.put('base', { key, ...value('1') })
    })
    await first.wal.start()
    await first.wal.drain()
    await first.wal.close()
    const second = await openWal({ disk: first.disk })
    expect(await second.rows.transactionStatus(id)).toMatchObject({ state: 'parked' })
    await second.wal.start()
    await second.rows.deadLetters.redrive('all')
    await second.wal.drain()
    expect([...first.given, ...second.given]).toEqual(['a=1', 'bad=1', 'c=1'])
    expect(await second.rows.transactionStatus(id)).toMatchObject({ state: 'applied' })
    await second.wal.close()
  })

  it('is discarded with its dead letter', async () => {
    const { wal, rows, given } = await openWal({ answer: () => permanent('BROKEN', 'no') })
    const { id } = await rows.transaction((tx) => tx.put('base', { key: 'a', ...value('1') }))
    await wal.start()
    await wal.drain()
    expect(await rows.deadLetters.discard('all')).toBe(1)
    expect(await rows.transactionStatus(id)).toMatchObject({ state: 'discarded' })
    expect(given).toEqual([])
    await wal.close()
  })

  it('waits for parts that its store does not show yet, at no cost of attempts', async () => {
    const whole = memoryTransactionStore()
    let hidden = 4
    const store: TransactionStore = Object.assign(Object.create(whole), {
      create: whole.create.bind(whole),
      addChunk: whole.addChunk.bind(whole),
      put: whole.put.bind(whole),
      get: whole.get.bind(whole),
      list: whole.list.bind(whole),
      remove: whole.remove.bind(whole),
      close: whole.close.bind(whole),
      chunk: async (id: string, index: number) =>
        hidden-- > 0 ? undefined : whole.chunk(id, index),
    })
    const { wal, rows, given } = await openWal({ store })
    await rows.transaction((tx) => tx.put('base', { key: 'a', ...value('1') }))
    await wal.start()
    await wal.drain()
    expect(given).toEqual(['a=1'])
    expect((await rows.deadLetters.list()).letters).toEqual([])
    await wal.close()
  })

  it('becomes a dead letter where its set is gone', async () => {
    const first = await openWal()
    await first.rows.transaction((tx) => tx.put('base', { key: 'a', ...value('1') }))
    await first.wal.close()
    await first.disk.remove(`${directory}/transactions/sets.journal`)
    const second = await openWal({ disk: first.disk })
    await second.wal.start()
    await second.wal.drain()
    const { letters } = await second.rows.deadLetters.list()
    expect(letters).toMatchObject([{ code: 'ERR_TRANSACTION_INCOMPLETE' }])
    expect(second.given).toEqual([])
    await second.wal.close()
  })

  it.each([
    { what: 'a byte changed', spoil: (bytes: Uint8Array) => bytes.with(-1, 0) },
    { what: 'a byte missing', spoil: (bytes: Uint8Array) => bytes.subarray(0, -1) },
  ])('is not applied at all where its store gives its set with $what', async ({ spoil }) => {
    const store = memoryTransactionStore()
    const chunk = store.chunk.bind(store)
    store.chunk = async (...place) => {
      const bytes = await chunk(...place)
      return bytes && spoil(bytes)
    }
    const { wal, rows, given } = await openWal({ store })
    const { id } = await rows.transaction(async (tx) => {
      await tx.put('base', { key: 'a', ...value('1') })
      await tx.put('base', { key: 'b', ...value('1') })
    })
    await wal.start()
    await wal.drain()
    const { letters } = await rows.deadLetters.list()
    expect(letters).toMatchObject([{ code: 'ERR_TRANSACTION_INCOMPLETE' }])
    expect(letters[0]?.message).toContain('not what was sealed')
    expect(given).toEqual([])
    expect(await rows.transactionStatus(id)).toMatchObject({ state: 'parked' })
    await wal.close()
  })

  it('is not taken for a record by a namespace that has no transactions', async () => {
    const first = await openWal()
    await first.rows.transaction((tx) => tx.put('base', { key: 'a', ...value('1') }))
    await first.wal.close()
    const given: unknown[] = []
    const wal = await createWal({
      namespaces: {
        rows: fanOut({
          queue: fileQueue({ directory, fileSystem: first.disk, lock: openLock }),
          targets: {
            base: defineTarget(async (records) => void given.push(...records), {
              idempotency: 'id',
            }),
          },
        }),
      },
    })
    const rows = wal.namespace('rows')
    const none = rows.transaction((tx) => tx.put('base', { key: 'a', payload: {} }))
    await expect(none).rejects.toMatchObject({ code: 'ERR_NOT_SUPPORTED' })
    await wal.start()
    await wal.drain()
    expect(given).toEqual([])
    expect((await rows.deadLetters.list()).letters).toMatchObject([{ code: 'ERR_NOT_SUPPORTED' }])
    await wal.close()
  })

  it('is refused by a replay, unless it is left out', async () => {
    const { wal, rows, given } = await openWal()
    await rows.write({ key: 'a', ...value('1') })
    const { id } = await rows.transaction((tx) => tx.put('base', { key: 'b', ...value('1') }))
    await wal.start()
    await wal.drain()
    const replay = rows.replay({ target: 'base' })
    await expect(replay).rejects.toMatchObject({ cause: { code: 'ERR_NOT_SUPPORTED' } })
    const report = await rows.replay({ target: 'base', omit: (record) => record.id === id })
    expect(report).toMatchObject({ complete: true, sent: 1, omitted: 1 })
    await wal.drain()
    expect(given).toEqual(['a=1', 'b=1', 'a=1'])
    await wal.close()
  })

  it('comes along when its queue is salvaged', async () => {
    const first = await openWal()
    await first.rows.transaction(async (tx) => {
      await tx.put('base', { key: 'a', ...value('1') })
      await tx.put('base', { key: 'b', ...value('x'.repeat(300_000)) })
    })
    await first.wal.close()
    const ports = { fileSystem: first.disk, isOwned: async () => false }
    expect(await verifyFileQueue({ directory, ...ports })).toMatchObject({ ok: true, notes: [] })
    const into = '/wal/copy'
    const report = await salvageFileQueue({ from: directory, into, lock: openLock, ...ports })
    expect(report).toMatchObject({ complete: true })
    const copy = await openWal({ disk: first.disk, directory: into })
    // The one that the copy has, and one more, in case that one had been lost with a part of the log.
    expect((await copy.wal.status()).namespaces.rows.targets.base.pending).toBe(2)
    await copy.wal.start()
    await copy.wal.drain()
    expect(copy.given.map((text) => text.slice(0, 3))).toEqual(['a=1', 'b=x'])
    await copy.wal.close()
    const path = `${directory}/transactions/sets.journal`
    const damaged = Buffer.from(first.disk.bytesOf(path))
    damaged[100] = (damaged[100] ?? 0) ^ 1
    first.disk.put(path, damaged)
    const found = await verifyFileQueue({ directory, ...ports })
    expect(found.problems).toMatchObject([{ file: 'transactions/sets.journal' }])
  })
})
