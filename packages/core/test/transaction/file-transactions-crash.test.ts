import { describe, expect, it } from 'vitest'
import { SeededRandom } from '../../src/testing/seeded-random.ts'
import { SimulatedFileSystem } from '../../src/testing/simulated-file-system.ts'
import {
  type FileTransactionStore,
  openFileTransactionStore,
} from '../../src/transaction/file-transactions.ts'
import type { TransactionHead, TransactionState } from '../../src/transaction/transaction-store.ts'

const seed = Number(process.env['DAYBOOK_SEED'])
const directory = '/wal/transactions'
const count = 10
const ids = Array.from({ length: count }, (_, at) => `transaction-${at}`)
const chunkOf = (at: number, index: number): Uint8Array => new Uint8Array(300).fill(at * 16 + index)

/** What is known of each: the revisions that may be found; 0 stands for none. */
type Known = Map<string, ReadonlySet<number>>

const states: readonly TransactionState[] = ['open', 'sealed', 'applying', 'applied']

function headOf(id: string, revision: number): TransactionHead {
  return {
    id,
    revision,
    state: states[revision - 1] ?? 'applied',
    openedAt: 1,
    changedAt: revision,
    mutations: 2,
    bytes: 600,
    chunks: 2,
    checksum: 7,
    span: 1,
    version: revision > 2 ? 99n : undefined,
    targets: {},
  }
}

async function open(disk: SimulatedFileSystem): Promise<FileTransactionStore> {
  await disk.makeDirectory(directory)
  return openFileTransactionStore({
    directory,
    fileSystem: disk,
    random: new SeededRandom(seed),
    leastDeadBytes: 1500,
    reportError: () => {},
  })
}

function newDisk(lies: object = {}): SimulatedFileSystem {
  return new SimulatedFileSystem({ random: new SeededRandom(seed), ...lies })
}

/** Takes each transaction through its life, two at once. Ends early if the machine stops. */
async function runLife(disk: SimulatedFileSystem, known: Known): Promise<void> {
  const live = async (store: FileTransactionStore, at: number): Promise<void> => {
    const id = ids[at] as string
    /** Until the call has ended there may be what there was before it, or what it leads to. */
    const step = async (after: readonly number[], call: () => Promise<unknown>) => {
      known.set(id, new Set([...(known.get(id) ?? [0]), ...after]))
      await call()
      known.set(id, new Set(after))
    }
    await step([1], () => store.create(headOf(id, 1), [chunkOf(at, 0)]))
    await store.addChunk(id, 1, chunkOf(at, 1))
    for (let revision = 2; revision <= (at % 3) + 2; revision++) {
      // It may be forgotten until the next one is put.
      const mayWait = revision === 3
      const after = mayWait ? [revision - 1, revision] : [revision]
      await step(after, () => store.put(headOf(id, revision), { mayWait }))
    }
    if (at % 4 === 3) await step([0], () => store.remove(id))
  }
  const life = async (): Promise<void> => {
    const store = await open(disk)
    for (let at = 0; at < count; at += 2) {
      await Promise.allSettled([live(store, at), live(store, at + 1)])
    }
    await store.close()
  }
  await Promise.race([life().catch(() => {}), disk.halted])
}

async function expectKnown(disk: SimulatedFileSystem, known: Known, when: string): Promise<void> {
  const store = await open(disk)
  for (const [at, id] of ids.entries()) {
    const head = await store.get(id)
    const revision = head?.revision ?? 0
    expect([...(known.get(id) ?? [0])], `${id}, ${when}`).toContain(revision)
    if (head === undefined) continue
    expect(head, when).toEqual(headOf(id, revision))
    if (head.state === 'applied') continue
    expect(await store.chunk(id, 0), `${id}, ${when}`).toEqual(Buffer.from(chunkOf(at, 0)))
    if (revision === 1) continue
    expect(await store.chunk(id, 1), `${id}, ${when}`).toEqual(Buffer.from(chunkOf(at, 1)))
  }
  expect(await store.create(headOf('late', 1), []), when).toBe(true)
  await store.close()
}

describe('the file of transactions', () => {
  it.each([{ durableWrites: true }, { durableWrites: false }])(
    'has each transaction as it was after a power cut or a kill at any call ($durableWrites)',
    async (how) => {
      const whole = newDisk(how)
      await runLife(whole, new Map())
      expect(whole.calls('rename'), 'it was written anew').toBeGreaterThan(1)
      expect(whole.calls('writeDurably') > 0).toBe(how.durableWrites)
      for (let nth = 1; nth <= whole.calls(); nth++) {
        const disk = newDisk(how)
        const known: Known = new Map()
        disk.fault = ({ number }) => (number === nth ? { halt: true } : undefined)
        await runLife(disk, known)
        for (const keep of ['none', 'all', 'random', 'random'] as const) {
          await expectKnown(disk.crash({ keep }), known, `stopped at call ${nth}, kept ${keep}`)
        }
        await expectKnown(disk.kill(), known, `killed at call ${nth}`)
      }
    },
  )

  it('knows for certain what a call that failed has come to, once it answers', async () => {
    const whole = newDisk()
    await runLife(whole, new Map())
    for (let nth = 1; nth <= whole.calls(); nth++) {
      for (const lands of [0, 0.5, 1]) {
        const disk = newDisk()
        disk.fault = ({ number }) => (number === nth ? { fail: 'EIO', lands } : undefined)
        const when = `failed at call ${nth}, landed ${lands}`
        const known: Known = new Map()
        await runLife(disk, known)
        const store = await open(disk.kill())
        const told = await Promise.all(ids.map((id) => store.get(id)))
        const certain = new Map(ids.map((id, at) => [id, new Set([told[at]?.revision ?? 0])]))
        for (const [at, id] of ids.entries()) {
          expect([...(known.get(id) ?? [0])], when).toContain(told[at]?.revision ?? 0)
        }
        await store.close()
        const again = disk.kill()
        await expectKnown(again.crash({ keep: 'none' }), certain, when)
      }
    }
  })

  it('has synced with a put that is to last whatever was put before it and was not', async () => {
    const disk = newDisk()
    const store = await open(disk)
    for (const id of ids) await store.create(headOf(id, 1), [])
    for (const id of ids) await store.put(headOf(id, 2), { lasting: false })
    expect(await store.create(headOf('late', 1), [chunkOf(0, 0)])).toBe(true)
    const found = await open(disk.crash({ keep: 'none' }))
    for (const id of ids) expect((await found.get(id))?.revision).toBe(2)
    expect(await found.get('late')).toBeDefined()
  })

  it('tells for certain, in the same life, whether a put that was rejected is stored', async () => {
    for (const lands of [0, 0.5, 1]) {
      const disk = newDisk()
      const store = await open(disk)
      const id = ids[0] as string
      await store.create(headOf(id, 1), [chunkOf(0, 0)])
      const calls = disk.calls()
      disk.fault = ({ number }) => (number === calls + 1 ? { fail: 'EIO', lands } : undefined)
      await expect(store.put(headOf(id, 2))).rejects.toThrow('EIO')
      const { revision } = (await store.get(id)) ?? {}
      expect(revision).toBe(1)
      for (const keep of ['none', 'all'] as const) {
        const found = await open(disk.crash({ keep }))
        expect((await found.get(id))?.revision, `kept ${keep}`).toBe(revision)
      }
      expect(await store.put(headOf(id, 2))).toBe(true)
    }
  })

  it('does not open where what was synced is damaged, and cuts off a torn end', async () => {
    const disk = newDisk()
    const store = await open(disk)
    for (const id of ids) await store.create(headOf(id, 1), [chunkOf(0, 0)])
    await store.close()
    const path = `${directory}/sets.journal`
    const bytes = disk.bytesOf(path)
    const damaged = Buffer.from(bytes)
    damaged[200] = (damaged[200] ?? 0) ^ 1
    disk.put(path, damaged)
    await expect(open(disk)).rejects.toMatchObject({ code: 'ERR_CORRUPT_LOG' })
    expect(disk.bytesOf(path), 'nothing is changed').toEqual(damaged)
    // Behind the mark of a clean end nothing vouches for more.
    disk.put(path, Buffer.concat([bytes, Buffer.from('torn entry')]))
    const found = await open(disk)
    for (const id of ids) expect((await found.get(id))?.revision).toBe(1)
  })

  it('turns red where a sync of transactions is a lie', async () => {
    for (const lie of [{ ignoreSync: true }, { ignoreDirectorySync: true }]) {
      const disk = newDisk(lie)
      const known: Known = new Map()
      await runLife(disk, known)
      await expect(expectKnown(disk.crash({ keep: 'none' }), known, '')).rejects.toThrow()
    }
  })
})

describe('a head that may wait, in the file of transactions,', () => {
  /** Two that have one each, and a way to see which revisions a later life finds. */
  async function twoThatWait() {
    const disk = newDisk()
    const store = await open(disk)
    const [one, other] = ids as [string, string]
    for (const id of [one, other]) {
      await store.create(headOf(id, 1), [chunkOf(0, 0)])
      await store.put(headOf(id, 2))
    }
    const calls = disk.calls()
    for (const id of [one, other]) {
      expect(await store.put(headOf(id, 3), { lasting: false, mayWait: true })).toBe(true)
      expect((await store.get(id))?.revision).toBe(3)
    }
    expect(disk.calls()).toBe(calls)
    const found = async (later: SimulatedFileSystem) => {
      const next = await open(later)
      const revisions = [(await next.get(one))?.revision, (await next.get(other))?.revision]
      await next.close()
      return revisions
    }
    return { disk, store, one, found }
  }

  it('is given at once, and costs no call of the disk; a kill forgets it', async () => {
    const { disk, found } = await twoThatWait()
    expect(await found(disk.kill())).toEqual([2, 2])
  })

  it('is stored with the next one of its transaction', async () => {
    const { disk, store, one, found } = await twoThatWait()
    expect(await store.put(headOf(one, 4))).toBe(true)
    expect(await found(disk.crash({ keep: 'none' }))).toEqual([4, 2])
  })

  it('is stored by a close', async () => {
    const { disk, store, found } = await twoThatWait()
    await store.close()
    expect(await found(disk)).toEqual([3, 3])
  })

  it('is not stored by a close behind the next one, which is on its way', async () => {
    const { disk, store, one, found } = await twoThatWait()
    const ending = store.put(headOf(one, 4))
    await store.close()
    expect(await ending).toBe(true)
    expect(await found(disk)).toEqual([4, 3])
  })

  it('is given as before after the next one has failed, and after the file was written anew', async () => {
    const disk = newDisk()
    const store = await open(disk)
    const id = ids[0] as string
    await store.create(headOf(id, 1), [chunkOf(0, 0)])
    await store.put(headOf(id, 2))
    await store.put(headOf(id, 3), { mayWait: true })
    const calls = disk.calls()
    disk.fault = ({ number }) => (number === calls + 1 ? { fail: 'EIO', lands: 0.5 } : undefined)
    await expect(store.put(headOf(id, 4))).rejects.toThrow('EIO')
    expect(await store.get(id)).toEqual(headOf(id, 3))
    expect(disk.calls('rename'), 'it was written anew').toBeGreaterThan(1)
    expect(await store.chunk(id, 0)).toEqual(Buffer.from(chunkOf(0, 0)))
    expect(await store.put(headOf(id, 4))).toBe(true)
    const found = await open(disk.crash({ keep: 'none' }))
    expect(await found.get(id)).toEqual(headOf(id, 4))
  })

  it('that ends a transaction, or comes while another one is being written, goes the way of all others', async () => {
    const disk = newDisk()
    const store = await open(disk)
    const [one, other] = ids as [string, string]
    await store.create(headOf(one, 1), [])
    await store.create(headOf(other, 1), [])
    const first = store.put(headOf(one, 2))
    const second = store.put(headOf(one, 3), { mayWait: true })
    expect(await Promise.all([first, second])).toEqual([true, true])
    const ended = { ...headOf(other, 2), state: 'applied' } as const
    expect(await store.put(ended, { mayWait: true })).toBe(true)
    const found = await open(disk.crash({ keep: 'none' }))
    expect([(await found.get(one))?.revision, (await found.get(other))?.revision]).toEqual([3, 2])
  })
})
