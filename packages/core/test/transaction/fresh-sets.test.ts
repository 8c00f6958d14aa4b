import { describe, expect, it } from 'vitest'
import {
  applied,
  bytesCodec,
  createWal,
  memoryQueue,
  multiPartitionMutation,
  type Outcome,
  permanent,
  transient,
  type WalRecord,
} from '../../src/index.ts'
import { makeStoredRecord, memoryTransactionStore } from '../../src/testing/index.ts'
import { FreshSets } from '../../src/transaction/fresh-sets.ts'
import { ChunkWriter } from '../../src/transaction/mutation-format.ts'
import type { TransactionHead } from '../../src/transaction/transaction-store.ts'

/** A wal of bytes whose store tells of every chunk that is read, and whose target answers by the script. */
async function open(answer: (record: WalRecord<Uint8Array>) => Promise<Outcome> | Outcome) {
  const given: string[] = []
  const read: string[] = []
  let isLost = false
  const lose = (): void => {
    isLost = true
  }
  const store = memoryTransactionStore()
  const chunk = store.chunk.bind(store)
  store.chunk = async (id, index) => {
    read.push(id)
    return isLost ? undefined : chunk(id, index)
  }
  const target = {
    idempotency: 'version',
    async apply([record]: readonly WalRecord<Uint8Array>[]) {
      const outcome = await answer(record as WalRecord<Uint8Array>)
      if (outcome.status === 'applied' && record?.op === 'put') {
        given.push(Buffer.from(record.payload).toString())
      }
      return [outcome]
    },
  } as const
  const preset = multiPartitionMutation({
    ...{ codec: bytesCodec, queue: memoryQueue(), targets: { base: target } },
    ...{ transactions: { store }, retry: { minDelay: '1ms', maxDelay: '1ms' } },
  })
  const wal = await createWal({ namespaces: { rows: preset } })
  await wal.start()
  const put = (...payloads: Uint8Array[]) =>
    wal.namespace('rows').transaction(async (tx) => {
      for (const [key, payload] of payloads.entries())
        await tx.put('base', { key: `${key}`, payload })
    })
  // From its first one on it is known that they are applied here.
  await put(Buffer.from('first'))
  await wal.drain()
  given.length = 0
  read.length = 0
  return { wal, put, given, read, lose }
}

describe('a set that was sealed here a moment ago', () => {
  it('is applied without the store being asked for its chunk, as it was when its caller was answered', async () => {
    const gate = Promise.withResolvers<void>()
    let isShut = false
    const { wal, put, given, read } = await open(async () => {
      if (isShut) await gate.promise
      return applied
    })
    isShut = true
    const [one, two] = [Buffer.from('one'), Buffer.from('two')]
    await put(one, two)
    one.fill('x')
    two.fill('x')
    gate.resolve()
    await wal.drain()
    expect(given).toEqual(['one', 'two'])
    expect(read).toEqual([])
    await wal.close()
  })

  it('is applied from memory after an attempt that failed too, and goes on with what failed', async () => {
    let failures = 1
    const { wal, put, given, read } = await open(({ key }) =>
      key === '1' && failures-- > 0 ? transient('busy', 'later') : applied,
    )
    await put(Buffer.from('one'), Buffer.from('two'), Buffer.from('three'))
    await wal.drain()
    expect(given).toEqual(['one', 'two', 'three'])
    expect(read).toEqual([])
    await wal.close()
  })

  it('is applied whole where its store loses it after a part of it was applied', async () => {
    let failures = 1
    const { wal, put, given, lose } = await open(({ key }) => {
      if (key !== '1' || failures-- === 0) return applied
      lose()
      return transient('busy', 'later')
    })
    const { id } = await put(Buffer.from('one'), Buffer.from('two'))
    await wal.drain()
    expect(given).toEqual(['one', 'two'])
    const rows = wal.namespace('rows')
    expect((await rows.transactionStatus(id))?.state).toBe('applied')
    expect((await rows.deadLetters.list()).letters).toEqual([])
    await wal.close()
  })

  it('is given back once it is parked', async () => {
    let isBroken = false
    const { wal, put, read } = await open(() => (isBroken ? permanent('BROKEN', 'no') : applied))
    isBroken = true
    const { id } = await put(Buffer.from('one'))
    await wal.drain()
    expect(read).toEqual([])
    await wal.namespace('rows').deadLetters.redrive('all')
    await wal.drain()
    expect(new Set(read)).toEqual(new Set([id]))
    await wal.close()
  })
})

it('a target cannot empty the other payloads of a set that is applied from memory by a transfer of one', async () => {
  const refusals: unknown[] = []
  const { wal, put, given, read } = await open(({ op, payload }) => {
    const buffer = payload?.buffer as ArrayBuffer
    try {
      if (op === 'put') structuredClone(buffer, { transfer: [buffer] })
    } catch (error) {
      refusals.push(error)
    }
    return applied
  })
  refusals.length = 0
  await put(Buffer.from('one'), Buffer.from('two'))
  await wal.drain()
  expect(given).toEqual(['one', 'two'])
  expect(read).toEqual([])
  expect(refusals).toMatchObject([{ name: 'DataCloneError' }, { name: 'DataCloneError' }])
  await wal.close()
})

function setOf(payloadBytes: number) {
  const writer = new ChunkWriter()
  writer.add(makeStoredRecord({ payload: new Uint8Array(payloadBytes) }))
  const chunk = writer.end() as Uint8Array
  const { contents } = writer
  if (contents === undefined) throw new Error('there is more than one chunk')
  return { ...contents, chunk, checksum: 0 }
}

function headOf(id: string, bytes: number): TransactionHead {
  return {
    ...{ id, revision: 1, state: 'sealed', openedAt: 0, changedAt: 0, mutations: 1, bytes },
    ...{ chunks: 1, checksum: 0, span: 1, version: undefined, targets: {} },
  }
}

describe('fresh sets', () => {
  it('take in none while nobody asks for any, and then as many as there is room for, the first ones first', () => {
    const sets = new FreshSets()
    const set = setOf(200_000)
    const size = set.chunk.byteLength
    sets.add('early', set)
    expect(sets.bytes).toBe(0)
    expect(sets.of(headOf('early', size))).toBeUndefined()
    const ids = Array.from({ length: 60 }, (_, at) => `id ${at}`)
    for (const id of ids) sets.add(id, set)
    expect(sets.bytes).toBeLessThanOrEqual(8 << 20)
    expect(sets.of(headOf('id 0', size))).toBeDefined()
    expect(sets.of(headOf('id 59', size))).toBeUndefined()
    for (const id of ids) sets.delete(id)
    expect(sets.bytes).toBe(0)
  })

  it('of which an attempt has failed make room for others, and those that wait for their first do not', () => {
    const sets = new FreshSets()
    const set = setOf(200_000)
    const head = (at: number) => headOf(`id ${at}`, set.chunk.byteLength)
    sets.of(head(0))
    for (let at = 0; at < 60; at++) sets.add(`id ${at}`, set)
    const before = sets.bytes
    sets.tried('id 3')
    sets.tried('id 59')
    sets.add('id 60', set)
    expect(sets.of(head(60))).toBeDefined()
    expect(sets.of(head(3))).toBeUndefined()
    sets.add('id 61', set)
    expect(sets.of(head(61))).toBeUndefined()
    expect(sets.bytes).toBe(before)
    sets.close()
  })

  it('of all namespaces take 64 MiB at most, of which each has its share, and which those that are closed give back', () => {
    const set = setOf(200_000)
    const all = Array.from({ length: 20 }, () => {
      const sets = new FreshSets()
      sets.of(headOf('none', 0))
      for (let at = 0; at < 60; at++) sets.add(`id ${at}`, set)
      return sets
    })
    const sum = () => all.reduce((bytes, sets) => bytes + sets.bytes, 0)
    expect(sum()).toBeGreaterThan(63 << 20)
    expect(sum()).toBeLessThanOrEqual(64 << 20)
    for (const sets of all) expect(sets.bytes).toBeGreaterThan(2 << 20)
    const [first, last] = [all[0] as FreshSets, all[19] as FreshSets]
    const before = last.bytes
    last.add('no room', set)
    expect(last.bytes).toBe(before)
    first.close()
    first.add('closed', set)
    expect(first.bytes).toBe(0)
    last.add('room', set)
    expect(last.bytes).toBeGreaterThan(before)
    for (const sets of all) sets.close()
    expect(sum()).toBe(0)
  })

  it('make room for another namespace with those of which an attempt has failed, if there are any', () => {
    const set = setOf(200_000)
    const head = (at: number) => headOf(`id ${at}`, set.chunk.byteLength)
    const all = Array.from({ length: 8 }, () => {
      const sets = new FreshSets()
      sets.of(head(0))
      for (let at = 0; at < 60; at++) sets.add(`id ${at}`, set)
      return sets
    })
    const largest = all[0] as FreshSets
    largest.tried('id 3')
    const other = new FreshSets()
    other.of(head(0))
    for (let at = 0; largest.of(head(0)) && largest.of(head(3)); at++) other.add(`id ${at}`, set)
    expect(largest.of(head(3))).toBeUndefined()
    expect(largest.of(head(0))).toBeDefined()
    for (const sets of [...all, other]) sets.close()
  })

  it('that were not applied by then are given back by the close of their wal', async () => {
    let isShut = false
    const { wal, put } = await open(() => (isShut ? new Promise<never>(() => {}) : applied))
    isShut = true
    for (let count = 0; count < 20; count++) await put(new Uint8Array(200_000))
    await wal.close({ timeout: 1 }).catch(() => {})
    const all = Array.from({ length: 20 }, () => {
      const sets = new FreshSets()
      sets.of(headOf('none', 0))
      for (let at = 0; at < 60; at++) sets.add(`id ${at}`, setOf(200_000))
      return sets
    })
    expect(all.reduce((bytes, { bytes: own }) => bytes + own, 0)).toBeGreaterThan(63 << 20)
    for (const sets of all) sets.close()
  })

  it('hold on to no payload as it was given, which may be a view of a large buffer', () => {
    const { mutations, payloadBytes } = setOf(10)
    expect(mutations.map(({ payload }) => payload)).toEqual([undefined])
    expect(payloadBytes).toEqual([10])
  })

  it('are not given for a head of something else', () => {
    const sets = new FreshSets()
    const set = setOf(10)
    const head = headOf('one', set.chunk.byteLength)
    sets.of(head)
    sets.add('one', set)
    expect(sets.of(head)).toMatchObject(set)
    expect(sets.of({ ...head, mutations: 2 })).toBeUndefined()
    expect(sets.of({ ...head, bytes: head.bytes + 1 })).toBeUndefined()
    expect(sets.of({ ...head, chunks: 2 })).toBeUndefined()
    expect(sets.of({ ...head, checksum: 1 })).toBeUndefined()
  })
})
