import { describe, expect, it } from 'vitest'
import { systemRandom } from '../../src/random.ts'
import type { StoredRecord } from '../../src/record.ts'
import { RecordIds } from '../../src/record-id.ts'
import { makeStoredRecord } from '../../src/testing/make-record.ts'
import { VirtualClock } from '../../src/testing/virtual-clock.ts'
import { HeadChanges } from '../../src/transaction/head-changes.ts'
import { memoryTransactionStore } from '../../src/transaction/memory-transactions.ts'
import type { TransactionStore } from '../../src/transaction/transaction-store.ts'
import { versionDistance } from '../../src/transaction/transaction-writer.ts'
import { Transactions } from '../../src/transaction/transactions.ts'
import { TransactionsAtTargets } from '../../src/transaction/transactions-at-targets.ts'
import { VersionClock } from '../../src/version.ts'
import { forEachSchedule, Turns } from './support/interleavings.ts'

const targets = ['base', 'index'] as const
const mutations = [
  { target: 'base', key: 'a' },
  { target: 'index', key: 'b' },
  { target: 'base', key: 'a' },
] as const

interface Size {
  /** How many of the mutations. */
  readonly count: number
  /** Of each payload: enough for several chunks, or few. */
  readonly bytes: number
}

/** What lasts over the death of a process: the store, the queue, and what targets were given. */
class World {
  readonly clock = new VirtualClock()
  readonly store = memoryTransactionStore()
  readonly queue: StoredRecord[] = []
  readonly given: { target: string; index: number; version: bigint }[] = []
  readonly versions = new VersionClock({ region: 0, floor: 0n })
  readonly ids = new RecordIds(systemRandom)
  readonly id = this.ids.next(this.clock.now())
  told: string | undefined
  readonly #size: Size

  constructor(size: Size) {
    this.#size = size
  }

  /** A process over it, each of whose calls that change or ask for a head waits for its actor's turn. */
  process(actor: string, turns?: Turns, { ownsStore = true, openForMs = 1000 } = {}) {
    const store = turns === undefined ? this.store : inTurn(this.store, actor, turns)
    const { clock } = this
    const changes = new HeadChanges({ store, clock, onChange: () => {} })
    const transactions = new Transactions({
      ...{ namespace: 'rows', store, changes, clock, ownsStore, namesKeys: true, origin: 'local' },
      ...{ maxMutations: 100, maxBytes: 1e9, openForMs, keepMs: 1e9, timeoutMs: 1e9 },
      ...{ largestMarkerBytes: 1e6, handsOutForMs: Number.POSITIVE_INFINITY },
      newId: () => this.id,
      versions: (keys, steps) => this.versions.nextForAll(keys, steps, clock.now()),
      check: ({ payload }) => payload,
      build: ({ key, target, payload }, _, { id, index, steps }) =>
        makeStoredRecord({
          ...{ key, target, payload: payload as Uint8Array, transaction: { id, index } },
          version: versionDistance(steps),
        }),
      send: async (record) => {
        await turns?.wait(actor)
        this.queue.push(record)
        return { durable: 'yes' }
      },
      reportError: (error) => {
        throw error
      },
    })
    const atTargets = new TransactionsAtTargets({
      ...{ namespace: 'rows', store, changes, clock, patienceMs: 0 },
    })
    return { transactions, atTargets }
  }

  async write(actor: string, turns?: Turns): Promise<void> {
    const { transactions } = this.process(actor, turns)
    const { durable } = await transactions.run(
      async (tx) => {
        for (const { target, key } of mutations.slice(0, this.#size.count)) {
          await tx.put(target, { key, payload: new Uint8Array(this.#size.bytes) })
        }
      },
      { id: this.id },
    )
    this.told = durable
  }

  /** Takes a marker through a target, as a delivery does. */
  async deliver(marker: StoredRecord, target: string, actor = '', turns?: Turns): Promise<string> {
    const { atTargets } = this.process(actor, turns)
    const beginning = await atTargets.begin(marker, target)
    if (beginning.kind !== 'ready') return beginning.kind
    const { run } = beginning
    for (;;) {
      const [next] = await run.next({ maxRecords: 1, maxBytes: 1e9 })
      if (next === undefined) break
      this.given.push({ target, index: next.transaction?.index ?? -1, version: next.version })
      await run.advance(1)
    }
    await run.end()
    return 'applied'
  }

  /** The next life: looks after what it finds, and delivers every marker, each twice. */
  async recover(): Promise<void> {
    await this.process('next').transactions.begin()
    for (const marker of [...this.queue, ...this.queue]) {
      for (const target of targets) {
        expect(['done', 'applied']).toContain(await this.deliver(marker, target))
      }
    }
  }

  async check(when: string): Promise<void> {
    const { state } = (await this.store.get(this.id)) ?? {}
    const indexes = new Set(this.given.map(({ index }) => index))
    expect([undefined, 'applied', 'discarded'], when).toContain(state)
    expect(indexes.size, when).toBe(state === 'applied' ? this.#size.count : 0)
    if (this.told === 'yes') expect(state, when).toBe('applied')
    if (this.told === 'no') expect(state, when).not.toBe('applied')
    for (const { index, version } of this.given) {
      const versions = this.given.filter((one) => one.index === index)
      for (const one of versions) expect(one.version, when).toBe(version)
    }
    const ofKey = this.given.filter(({ index }) => index === 0 || index === 2)
    const [low, high] = [0, 2].map((at) => ofKey.find(({ index }) => index === at)?.version)
    if (low !== undefined && high !== undefined) expect(high - low, when).toBe(16n)
  }
}

function inTurn(store: TransactionStore, actor: string, turns: Turns): TransactionStore {
  const turn = () => turns.wait(actor)
  return {
    create: (head, chunks) => turn().then(() => store.create(head, chunks)),
    addChunk: (id, index, bytes) => turn().then(() => store.addChunk(id, index, bytes)),
    put: (head, options) => turn().then(() => store.put(head, options)),
    get: (id) => turn().then(() => store.get(id)),
    // Chunks never change, and a list shows nothing that a get would not.
    chunk: (id, index) => store.chunk(id, index),
    list: (filter) => store.list(filter),
    remove: (id) => turn().then(() => store.remove(id)),
    close: () => store.close(),
  }
}

/** Every schedule of the actors, with the death of the process after each number of steps, and without. */
async function explore(
  size: Size,
  actorsOf: (world: World, turns: Turns) => Promise<readonly (() => Promise<unknown>)[]>,
): Promise<number> {
  let runs = 0
  for (let mostSteps = 0, isOver = false; !isOver; mostSteps++) {
    isOver = true
    runs += await forEachSchedule(async (schedule) => {
      const world = new World(size)
      const turns = new Turns(schedule)
      await turns.run(await actorsOf(world, turns), mostSteps)
      if (turns.choices.length === mostSteps) isOver = false
      await world.recover()
      await world.check(`schedule ${schedule}, dead after ${mostSteps} steps`)
      return turns.choices
    })
  }
  return runs
}

describe('a transaction is whole or not at all in every interleaving of', () => {
  it('seal, sweep and crash', async () => {
    const runs = await explore({ count: 3, bytes: 150_000 }, async (world, turns) => {
      // By then it has been open too long: the sweep may come at any moment.
      const sweep = async (): Promise<void> => {
        await turns.wait('sweep')
        await world
          .process('sweep', turns, { ownsStore: false, openForMs: -1 })
          .transactions.sweep()
      }
      return [() => world.write('write', turns), sweep]
    })
    expect(runs).toBeGreaterThan(25)
  })

  it('two targets that apply, and crash', async () => {
    const runs = await explore({ count: 2, bytes: 10 }, async (world, turns) => {
      await world.write('before')
      const [marker] = world.queue
      if (marker === undefined) throw new Error('no marker')
      return targets.map((target) => () => world.deliver(marker, target, target, turns))
    })
    expect(runs).toBeGreaterThan(300)
  })

  it('apply, a duplicate marker at the same time, and crash', async () => {
    const runs = await explore({ count: 3, bytes: 10 }, async (world, turns) => {
      await world.write('before')
      const [marker] = world.queue
      if (marker === undefined) throw new Error('no marker')
      const duplicate = { ...marker, version: marker.version + 160n }
      world.queue.push(duplicate)
      return [
        () => world.deliver(marker, 'base', 'first', turns),
        () => world.deliver(duplicate, 'index', 'second', turns),
      ]
    })
    expect(runs).toBeGreaterThan(100)
  })

  it('apply, a sweep that sends the marker once more, and crash', async () => {
    const runs = await explore({ count: 3, bytes: 10 }, async (world, turns) => {
      await world.write('before')
      const [marker] = world.queue
      if (marker === undefined) throw new Error('no marker')
      return [
        () => world.deliver(marker, 'base', 'apply', turns),
        () => world.process('sweep', turns).transactions.sweep(),
      ]
    })
    expect(runs).toBeGreaterThan(10)
  })
})
