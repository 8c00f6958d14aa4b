import type { Clock } from '../../../src/clock.ts'
import type { StoredDeadLetter } from '../../../src/dlq/dlq.ts'
import type { SendOutcome } from '../../../src/producer/producer.ts'
import { systemRandom } from '../../../src/random.ts'
import type { StoredRecord } from '../../../src/record.ts'
import { RecordIds } from '../../../src/record-id.ts'
import { makeDeadLetter } from '../../../src/testing/make-record.ts'
import { VirtualClock } from '../../../src/testing/virtual-clock.ts'
import { HeadChanges } from '../../../src/transaction/head-changes.ts'
import {
  memoryTransactionStore,
  type TransactionShelf,
} from '../../../src/transaction/memory-transactions.ts'
import type {
  TransactionHead,
  TransactionPutOptions,
  TransactionStore,
} from '../../../src/transaction/transaction-store.ts'
import { Transactions } from '../../../src/transaction/transactions.ts'
import { TransactionsAtTargets } from '../../../src/transaction/transactions-at-targets.ts'
import { VersionClock } from '../../../src/version.ts'
import { boundStore } from './bound-store.ts'
import { forEachSchedule, Turns } from './interleavings.ts'
import { rows } from './rows.ts'

export const targets = ['base', 'index'] as const
export type TargetName = (typeof targets)[number]
const mutations = [
  { target: 'base', key: 'a' },
  { target: 'index', key: 'b' },
  { target: 'base', key: 'a' },
] as const

export interface WorldOptions {
  /** How many of the mutations. */
  readonly count: number
  /** Of each payload: enough for several chunks, or few. */
  readonly bytes: number
  /** True: as through Kafka or SQS. */
  readonly shared?: boolean
  /** What the queue does with a marker and answers. Default: it takes it. */
  readonly send?: { readonly lands: boolean; readonly durable: SendOutcome['durable'] }
  /** The mutation that cannot be applied until it is repaired, by its index. */
  readonly broken?: number
}

/** What a process is like that differs from the others. */
export interface ProcessOptions {
  readonly ownsStore?: boolean
  readonly openForMs?: number
  readonly keepMs?: number
  /** How far its clock is ahead. */
  readonly aheadMs?: number
  /** While it is open, calls wait for no turn. */
  readonly gate?: { isOpen: boolean }
}

/** What lasts over the death of a process: the store, the queue, and what targets were given. */
export class World {
  readonly clock = new VirtualClock()
  readonly store: TransactionStore
  /** As they were put last before those that wait, by id: what the death of the process leaves of them. */
  readonly #stored = new Map<string, TransactionHead>()
  readonly #shelf: TransactionShelf = new Map()
  readonly queue: StoredRecord[] = []
  readonly letters = new Map<TargetName, StoredDeadLetter>()
  readonly given: { target: string; index: number; version: bigint }[] = []
  readonly versions = new VersionClock({ region: 0, floor: 0n })
  readonly ids = new RecordIds(systemRandom)
  readonly id = this.ids.next(this.clock.now())
  readonly errors: unknown[] = []
  told: string | undefined
  /** True once somebody has discarded a letter. */
  isDiscarded = false
  isRepaired = false
  readonly #options: WorldOptions

  constructor(options: WorldOptions) {
    this.#options = options
    const store = memoryTransactionStore(this.#shelf)
    this.store = { ...boundStore(store), put: (head, how) => this.#put(store, head, how) }
  }

  /** True while there is something that a death would have it forget. */
  get waits(): boolean {
    return this.#stored.size > 0
  }

  /** The process is dead: heads that waited are forgotten. */
  die(): void {
    for (const [id, head] of this.#stored) {
      this.#shelf.set(id, { head, chunks: this.#shelf.get(id)?.chunks ?? new Map() })
    }
    this.#stored.clear()
  }

  /** Marks a transaction, as a sweep does, as one whose marker may be in the queue twice. */
  async noteRepeat(): Promise<void> {
    const head = await this.store.get(this.id)
    if (head === undefined) throw new Error('no head')
    const marker = { state: 'sent', at: this.clock.now(), isRepeat: true } as const
    await this.store.put({ ...head, revision: head.revision + 1, marker })
  }

  /** A process over it, each of whose calls that change or ask for a head waits for its actor's turn. */
  process(actor: string, turns?: Turns, options: ProcessOptions = {}) {
    const { shared = false, send = { lands: true, durable: 'yes' } } = this.#options
    const { ownsStore = !shared, openForMs = 1000, keepMs = 1e9, aheadMs = 0, gate } = options
    const store = turns === undefined ? this.store : inTurn(this.store, actor, turns, gate)
    const clock = ahead(this.clock, aheadMs)
    const changes = new HeadChanges({ store, clock, onChange: () => {} })
    const transactions = new Transactions({
      ...rows,
      ...{ store, changes, clock, ownsStore, namesKeys: !shared },
      ...{ openForMs, keepMs, timeoutMs: 1e9 },
      newId: () => this.id,
      versions: (keys, steps) => this.versions.nextForAll(keys, steps, clock.now()),
      send: async (record) => {
        await turns?.wait(actor)
        const isFirst = turns !== undefined
        if (!isFirst || send.lands) this.queue.push(record)
        return { durable: isFirst ? send.durable : 'yes' }
      },
      reportError: (error) => this.errors.push(error),
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
        for (const { target, key } of mutations.slice(0, this.#options.count)) {
          await tx.put(target, { key, payload: new Uint8Array(this.#options.bytes) })
        }
      },
      { id: this.id },
    )
    this.told = durable
  }

  /** The marker of one that was written before. */
  async written(): Promise<StoredRecord> {
    await this.write('before')
    const [marker] = this.queue
    if (marker === undefined) throw new Error('no marker')
    return marker
  }

  /** Takes a marker through a target, as a delivery does; with its turns from where it begins to apply, if it has begun. */
  async deliver(
    marker: StoredRecord,
    target: TargetName,
    actor = '',
    turns?: Turns,
    { hasBegun = false } = {},
  ): Promise<string> {
    const gate = { isOpen: hasBegun }
    const { atTargets } = this.process(actor, turns, { gate })
    const beginning = await atTargets.begin(marker, target)
    gate.isOpen = false
    if (beginning.kind !== 'ready') return beginning.kind
    const { run } = beginning
    for (;;) {
      const [next] = await run.next({ maxRecords: 1, maxBytes: 1e9 })
      if (next === undefined) break
      const { index = -1 } = next.transaction ?? {}
      if (index === this.#options.broken && !this.isRepaired) {
        run.failedAt(next)
        await run.end()
        const letter = makeDeadLetter({ record: { ...marker, target }, target })
        await atTargets.park(letter)
        await turns?.wait(actor)
        this.letters.set(target, letter)
        return 'parked'
      }
      this.given.push({ target, index, version: next.version })
      await run.advance(1)
    }
    await run.end()
    return 'applied'
  }

  /** Somebody does not want the rest. The letter goes last. */
  async discard(letter: StoredDeadLetter, actor: string, turns: Turns): Promise<void> {
    await this.process(actor, turns).atTargets.discard(letter)
    this.isDiscarded = true
    this.letters.delete(letter.target as TargetName)
  }

  /** The next life: looks after what it finds, delivers every marker, each twice, and redrives what is parked. */
  async recover(): Promise<void> {
    this.isRepaired = true
    const { transactions } = this.process('next', undefined, { aheadMs: 1e6 })
    await (this.#options.shared ? transactions.sweep() : transactions.begin())
    const redriven = [...this.letters.values()].map(({ record }) => record)
    for (const marker of [...this.queue, ...redriven, ...this.queue]) {
      for (const target of targets) {
        const fate = await this.deliver(marker, target)
        // Nobody may be asked to look at one that was not forgotten.
        const isFine = fate === 'refused' ? await this.#isForgotten() : fate !== 'notYet'
        demand(isFine, `a marker is ${fate}`)
      }
    }
  }

  /** Where processes share the store it has what may wait at once. */
  #put(
    store: TransactionStore,
    head: TransactionHead,
    how: TransactionPutOptions = {},
  ): Promise<boolean> {
    const before = this.#shelf.get(head.id)?.head
    const put = store.put(head)
    if (this.#shelf.get(head.id)?.head !== head) return put
    const waits = how.mayWait === true && this.#options.shared !== true
    if (!waits) this.#stored.delete(head.id)
    else if (before !== undefined && !this.#stored.has(head.id)) this.#stored.set(head.id, before)
    return put
  }

  async #isForgotten(): Promise<boolean> {
    return (await this.store.get(this.id)) === undefined
  }

  async check(): Promise<void> {
    const { count, send } = this.#options
    const { state } = (await this.store.get(this.id)) ?? {}
    const applied = new Set(this.given.map(({ index }) => index)).size
    if (state === undefined) demand(applied === 0 || applied === count, `${applied} are applied`)
    else if (state === 'applied') demand(applied === count, `${applied} are applied`)
    else demand(state === 'discarded', `it ends ${state}`)
    const mayBePart = this.isDiscarded && applied < count
    if (state === 'discarded') demand(applied === 0 || mayBePart, `${applied} are applied`)
    if (this.told === 'yes' && !this.isDiscarded) demand(applied === count, 'it was told yes')
    if (this.told === 'no') demand(applied === 0, 'it was told no')
    demand(send !== undefined || this.errors.length === 0, `${this.errors[0]}`)
    this.#checkSequence()
    this.#checkVersions()
  }

  /** At each target no mutation is applied before those in front of it were. */
  #checkSequence(): void {
    for (const target of targets) {
      const own = mutations.flatMap((one, index) => (one.target === target ? [index] : []))
      const seen = new Set<number>()
      for (const { index } of this.given.filter((one) => one.target === target)) {
        const isNext = own.every((before) => before >= index || seen.has(before))
        demand(isNext, `mutation ${index} came too early`)
        seen.add(index)
      }
    }
  }

  #checkVersions(): void {
    const byIndex = new Map<number, bigint>()
    for (const { index, version } of this.given) {
      const before = byIndex.get(index) ?? version
      demand(before === version, `mutation ${index} has versions ${before} and ${version}`)
      byIndex.set(index, version)
    }
    const [low, high] = [byIndex.get(0), byIndex.get(2)]
    if (low === undefined || high === undefined) return
    demand(high - low === 16n, `versions of one key are ${low} and ${high}`)
  }
}

/** As `expect` does, which takes longer than all of a run. */
function demand(isTrue: boolean, what: string): void {
  if (!isTrue) throw new Error(what)
}

/** Between any two looks at it so much time goes by that progress is noted. */
function ahead(clock: VirtualClock, aheadMs: number): Clock {
  let ticks = 0
  return {
    now: () => clock.now() + aheadMs,
    monotonic: () => clock.monotonic() + 1000 * ticks++,
    setTimer: (delayMs, run) => clock.setTimer(delayMs, run),
  }
}

function inTurn(
  store: TransactionStore,
  actor: string,
  turns: Turns,
  gate?: ProcessOptions['gate'],
): TransactionStore {
  const turn = () => (gate?.isOpen ? Promise.resolve() : turns.wait(actor))
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

export type Actors = (world: World, turns: Turns) => Promise<readonly (() => Promise<unknown>)[]>

/**
 * Every schedule of the actors, with the death of the process after each number of steps, and without; with what may wait
 * forgotten by it, and stored before.
 */
export async function explore(options: WorldOptions, actorsOf: Actors): Promise<number> {
  let runs = 0
  for (let mostSteps = 0, isOver = false; !isOver; mostSteps++) {
    isOver = true
    runs += await forEachSchedule(async (schedule) => {
      const run = { options, actorsOf, schedule, mostSteps }
      const { choices, waited } = await runOnce(run, true)
      if (waited) await runOnce(run, false)
      if (choices.length === mostSteps) isOver = false
      return choices
    })
  }
  return runs
}

interface Run {
  readonly options: WorldOptions
  readonly actorsOf: Actors
  readonly schedule: readonly number[]
  readonly mostSteps: number
}

async function runOnce({ options, actorsOf, schedule, mostSteps }: Run, forgets: boolean) {
  const world = new World(options)
  const turns = new Turns(schedule)
  await turns.run(await actorsOf(world, turns), mostSteps)
  const waited = world.waits
  if (forgets) world.die()
  try {
    await world.recover()
    await world.check()
  } catch (cause) {
    throw new Error(`Schedule ${schedule}, dead after ${mostSteps} steps: ${cause}`, { cause })
  }
  return { choices: turns.choices, waited }
}
