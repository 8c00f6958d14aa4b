import { describe, expect, it } from 'vitest'
import { systemClock } from '../../src/clock.ts'
import { type ResolvedNamespace, resolveOptions } from '../../src/config/resolve.ts'
import { defaultShard } from '../../src/config/schema.ts'
import { Isolation } from '../../src/delivery/isolation.ts'
import { WalEmitter } from '../../src/events.ts'
import { defineTarget, fileQueue, multiPartitionMutation, type WalRecord } from '../../src/index.ts'
import { OpenNamespace } from '../../src/open-namespace.ts'
import { Shard } from '../../src/shard.ts'
import { SeededRandom } from '../../src/testing/seeded-random.ts'
import {
  type DiskFault,
  SimulatedFileSystem,
  type SimulatedFileSystemOptions,
} from '../../src/testing/simulated-file-system.ts'
import { openLock } from '../queue/file/support/open-lock.ts'

const seed = Number(process.env['DAYBOOK_SEED'])

/** What a store outside of the machine was given, in its order. It does not guard by version. */
interface Application {
  readonly id: string
  readonly target: string
  readonly key: string | undefined
  readonly version: bigint
  readonly transaction: string | undefined
  readonly index: number
}

/** What the lives of one directory come to. */
class World {
  readonly given: Application[] = []
  /** Ids of plain writes that were acknowledged. */
  readonly written = new Set<string>()
  /** Ids of transactions: how many mutations, and what the caller was told. */
  readonly transactions = new Map<string, { mutations: number; told: 'yes' | 'no' | 'unknown' }>()

  target(target: string, appliesInOrder: boolean) {
    return defineTarget(
      async (records: readonly WalRecord[]) => {
        await Promise.resolve()
        for (const { id, key, version, transaction } of records) {
          const { id: tx, index = -1 } = transaction ?? {}
          this.given.push({ id, target, key, version, transaction: tx, index })
        }
      },
      { idempotency: 'version', appliesInOrder },
    )
  }

  /** Opened beside the lives before it, which hang where the machine stopped, and would hold up its suspects. */
  open(disk: SimulatedFileSystem): Promise<OpenNamespace> {
    const queue = fileQueue({ directory: '/wal/rows', fileSystem: disk, lock: openLock })
    const targets = { base: this.target('base', false), index: this.target('index', true) }
    const retry = { maxAttempts: 50, minDelay: 0, maxDelay: 1 }
    const { region, namespaces } = resolveOptions({
      namespaces: { rows: multiPartitionMutation({ queue, targets, retry }) },
    })
    const emitter = new WalEmitter()
    emitter.on('error', () => {})
    return OpenNamespace.open({
      config: namespaces[0] as ResolvedNamespace,
      queue,
      directory: undefined,
      region,
      shard: new Shard('default', defaultShard),
      isolation: new Isolation(),
      clock: systemClock,
      random: new SeededRandom(seed),
      emitter,
    })
  }
}

/** Writes and transactions over few keys, while they are delivered. */
async function live(world: World, disk: SimulatedFileSystem): Promise<OpenNamespace> {
  const rows = await world.open(disk)
  const write = async (key: string): Promise<void> => {
    const { id, durable } = await rows.tryWrite({ key, payload: key })
    if (durable === 'yes') world.written.add(id)
  }
  const transact = async (keys: readonly string[], size: number): Promise<void> => {
    let id = ''
    try {
      await rows.transaction(async (tx) => {
        id = tx.id
        world.transactions.set(id, { mutations: 0, told: 'unknown' })
        for (const [at, key] of keys.entries()) {
          const mutation = { key, payload: 'x'.repeat(size) }
          await tx.put(at % 3 === 2 ? 'index' : 'base', mutation)
        }
        world.transactions.set(id, { mutations: keys.length, told: 'unknown' })
      })
      world.transactions.set(id, { mutations: keys.length, told: 'yes' })
    } catch (error) {
      const { receipt } = error as { receipt?: { durable: 'no' | 'unknown' } }
      const told = receipt?.durable ?? 'no'
      world.transactions.set(id, { mutations: keys.length, told })
    }
  }
  await rows.start()
  await write('a')
  await transact(['a', 'b', 'c', 'a'], 10)
  const others = [write('a'), write('c')]
  await transact(['b', 'a', 'b'], 150_000)
  await Promise.all([...others, transact(['c', 'a', 'd'], 10), write('b'), write('d')])
  await rows.drain({ timeout: '5s' })
  return rows
}

/** What is wrong once everything has been delivered. */
function violationsOf(world: World): readonly string[] {
  return [...lostWrites(world), ...halfTransactions(world), ...wrongEnds(world)]
}

function lostWrites({ given, written }: World): readonly string[] {
  const places = new Set(given.map(({ id, target }) => `${id} at ${target}`))
  const wanted = [...written].flatMap((id) => [`${id} at base`, `${id} at index`])
  return wanted.filter((place) => !places.has(place)).map((place) => `the write ${place} is lost`)
}

function halfTransactions({ given, transactions }: World): readonly string[] {
  return [...transactions].flatMap(([id, { mutations, told }]) => {
    const ofIt = given.filter(({ transaction }) => transaction === id)
    const count = new Set(ofIt.map(({ index }) => index)).size
    if (count !== 0 && count !== mutations) {
      return [`transaction ${id} is applied by ${count} of ${mutations} mutations`]
    }
    if (told === 'yes' && count === 0) return [`transaction ${id} is lost`]
    return told === 'no' && count > 0 ? [`transaction ${id} is applied all the same`] : []
  })
}

/** The store does not guard by version: what it was given last stays. */
function wrongEnds({ given }: World): readonly string[] {
  const last = new Map<string, bigint>()
  const highest = new Map<string, bigint>()
  for (const { target, key, version } of given) {
    const place = `${target} ${key}`
    last.set(place, version)
    const before = highest.get(place) ?? 0n
    highest.set(place, version > before ? version : before)
  }
  const wrong = [...last].filter(([place, version]) => version !== highest.get(place))
  return wrong.map(([place]) => `${place} ends with an older change`)
}

async function finish(world: World, disk: SimulatedFileSystem, when: string): Promise<void> {
  const rows = await world.open(disk)
  await rows.start()
  // Nearly a hundred of them share two cores: what is left after that is stuck, and not late.
  for (const [target, { pending }] of Object.entries(await rows.drain({ timeout: '2m' }))) {
    expect(pending, `left at ${target}, ${when}`).toBe(0)
  }
  const { letters } = await rows.deadLetters.list()
  expect(letters, when).toEqual([])
  for (const id of world.transactions.keys()) {
    const { state } = (await rows.transactionStatus(id)) ?? {}
    expect([undefined, 'applied', 'discarded'], `${id}, ${when}`).toContain(state)
  }
  expect(violationsOf(world), when).toEqual([])
  await rows.close(5000)
}

function newDisk(options: Partial<SimulatedFileSystemOptions> = {}): SimulatedFileSystem {
  return new SimulatedFileSystem({ random: new SeededRandom(seed), ...options })
}

/** Runs a life with this fault at its nth call; closes it if it comes to an end. */
async function faulty(nth: number, fault: DiskFault) {
  const world = new World()
  const disk = newDisk()
  disk.fault = ({ number }) => (number === nth ? fault : undefined)
  const life = live(world, disk).then(
    (rows) => rows.close(5000),
    () => {},
  )
  await Promise.race([life.catch(() => {}), disk.halted])
  return { world, disk }
}

async function callsOfWholeLife(): Promise<number> {
  const world = new World()
  const disk = newDisk()
  const rows = await live(world, disk)
  await rows.close(5000)
  expect(violationsOf(world)).toEqual([])
  expect(world.transactions.size).toBe(3)
  return disk.calls()
}

/** A copy for each way in which the same life can go on. */
function copyOf(world: World): World {
  const copy = new World()
  copy.given.push(...world.given)
  for (const id of world.written) copy.written.add(id)
  for (const [id, one] of world.transactions) copy.transactions.set(id, { ...one })
  return copy
}

/** Most of their time is waiting. */
async function severalAtATime(count: number, run: (nth: number) => Promise<void>): Promise<void> {
  let next = 1
  const worker = async (): Promise<void> => {
    while (next <= count) await run(next++)
  }
  await Promise.all(Array.from({ length: 24 }, worker))
}

describe('transactions on a disk that fails', () => {
  it('are whole or not at all, and in order, after a power cut or a kill at any call', async () => {
    const calls = await callsOfWholeLife()
    await severalAtATime(calls, async (nth) => {
      const { world, disk } = await faulty(nth, { halt: true })
      const found = (['none', 'random', 'all'] as const).map((keep) => {
        const when = `power cut at call ${nth} of ${calls}, kept ${keep}`
        return finish(copyOf(world), disk.crash({ keep }), when)
      })
      await Promise.all(found)
      await finish(copyOf(world), disk.kill(), `killed at call ${nth} of ${calls}`)
    })
  })

  it('are whole or not at all, and as their callers were told, after any call has failed', async () => {
    const calls = await callsOfWholeLife()
    await severalAtATime(calls, async (nth) => {
      const lands = nth % 2
      const { world, disk } = await faulty(nth, { fail: 'EIO', lands })
      await finish(world, disk.kill(), `failed at call ${nth} of ${calls}, landed ${lands}`)
    })
  })

  it('turn red where a sync of the disk is a lie', async () => {
    const red: string[] = []
    for (let nth = 20; nth < 90 && red.length === 0; nth += 3) {
      const world = new World()
      const disk = newDisk({ ignoreSync: true })
      disk.fault = ({ number }) => (number === nth ? { halt: true } : undefined)
      await Promise.race([live(world, disk).catch(() => {}), disk.halted])
      await finish(world, disk.crash({ keep: 'none' }), '').catch((error: Error) => {
        red.push(error.message)
      })
    }
    expect(red.length).toBeGreaterThan(0)
  })
})
