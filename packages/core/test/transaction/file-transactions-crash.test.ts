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
    const step = async (before: number, after: number, call: () => Promise<unknown>) => {
      known.set(id, new Set([before, after]))
      await call()
      known.set(id, new Set([after]))
    }
    await step(0, 1, () => store.create(headOf(id, 1), [chunkOf(at, 0)]))
    await store.addChunk(id, 1, chunkOf(at, 1))
    for (let revision = 2; revision <= (at % 3) + 2; revision++) {
      await step(revision - 1, revision, () => store.put(headOf(id, revision)))
    }
    if (at % 4 === 3) await step((at % 3) + 2, 0, () => store.remove(id))
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
  it('has each transaction as it was after a power cut or a kill at any call', async () => {
    const whole = newDisk()
    await runLife(whole, new Map())
    expect(whole.calls('rename'), 'it was written anew').toBeGreaterThan(1)
    for (let nth = 1; nth <= whole.calls(); nth++) {
      const disk = newDisk()
      const known: Known = new Map()
      disk.fault = ({ number }) => (number === nth ? { halt: true } : undefined)
      await runLife(disk, known)
      for (const keep of ['none', 'all', 'random', 'random'] as const) {
        await expectKnown(disk.crash({ keep }), known, `stopped at call ${nth}, kept ${keep}`)
      }
      await expectKnown(disk.kill(), known, `killed at call ${nth}`)
    }
  })

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
