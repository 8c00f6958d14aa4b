import type { ResolvedNamespace } from '../../../src/config/resolve.ts'
import { resolveOptions } from '../../../src/config/resolve.ts'
import { defaultShard } from '../../../src/config/schema.ts'
import { Isolation } from '../../../src/delivery/isolation.ts'
import { WalEmitter } from '../../../src/events.ts'
import { OpenNamespace } from '../../../src/open-namespace.ts'
import { crossRegionReplication } from '../../../src/persona/cross-region-replication.ts'
import type { Producer, SendOutcome } from '../../../src/producer/producer.ts'
import { fileQueue } from '../../../src/queue/file/file-queue.ts'
import type { Queue } from '../../../src/queue/queue.ts'
import type { ForwardedRecord } from '../../../src/record.ts'
import { Shard } from '../../../src/shard.ts'
import { queueTarget } from '../../../src/target/queue/queue-target.ts'
import { applied, type Target } from '../../../src/target/target.ts'
import { walTarget } from '../../../src/target/wal/wal-target.ts'
import { SeededRandom } from '../../../src/testing/seeded-random.ts'
import { SimulatedFileSystem } from '../../../src/testing/simulated-file-system.ts'
import { VirtualClock } from '../../../src/testing/virtual-clock.ts'
import { openLock } from '../../queue/file/support/open-lock.ts'
import type { Row } from '../../testing/versioned-store.ts'
import { type MeshDoubles, refused, Store } from './mesh-store.ts'
import { wrongStores } from './mesh-verdict.ts'
import { names, RegionClock, type RegionName } from './regions.ts'

interface WriteStep {
  readonly do: 'put' | 'patch' | 'delete'
  readonly in: RegionName
  readonly key: string
  readonly delay: number
}

/** One thing that happens to the regions. */
export type Step =
  | WriteStep
  | { readonly do: 'wait'; readonly ms: number }
  | { readonly do: 'cut'; readonly from: RegionName; readonly to: RegionName }
  | { readonly do: 'mend'; readonly from: RegionName; readonly to: RegionName }
  | { readonly do: 'slow'; readonly from: RegionName; readonly to: RegionName; readonly ms: number }
  /** The power fails; the next one of it starts the region again. */
  | { readonly do: 'crash'; readonly in: RegionName }
  /** The region's own store is away, or there again. */
  | { readonly do: 'store'; readonly in: RegionName; readonly isDown: boolean }
  | { readonly do: 'drift'; readonly in: RegionName; readonly ms: number }

interface Region {
  readonly name: RegionName
  readonly clock: RegionClock
  readonly store: Store
  disk: SimulatedFileSystem
  /** Both undefined while it is down. */
  open: OpenNamespace | undefined
  queue: Queue | undefined
}

/** What a region sends to: the wal of the other one, the queue that this reads, or its store itself. */
export type PeersEnd = (typeof ends)[number]
const ends = ['wal', 'queue', 'store'] as const

/** As much of a record as a link looks at. */
type Carried = Pick<ForwardedRecord, 'id' | 'op' | 'origin' | 'version'>

const keys = ['a', 'b', 'c']

/** Three regions over simulated disks, joined by links that can be cut and slow, in virtual time. */
export class Mesh {
  readonly #clock = new VirtualClock()
  readonly #random: SeededRandom
  readonly #doubles: MeshDoubles
  readonly #peersEnd: PeersEnd | 'each'
  readonly #regions = new Map<RegionName, Region>()
  readonly #links = new Map<string, { isCut: boolean; delayMs: number }>()
  /** Ids of writes that were acknowledged. */
  readonly #written = new Set<string>()
  readonly #wrong: string[] = []
  /** How much of what can happen did. */
  readonly counts = { written: 0, refused: 0, crashes: 0, held: 0 }
  #rows = 0

  /** @param peersEnd `'each'`: another one between each two regions. */
  constructor(seed: number, doubles: MeshDoubles = {}, peersEnd: PeersEnd | 'each' = 'wal') {
    this.#random = new SeededRandom(seed)
    this.#doubles = doubles
    this.#peersEnd = peersEnd
  }

  /** Everything that is wrong once all has been mended and has come to rest. */
  async run(steps: readonly Step[]): Promise<readonly string[]> {
    for (const name of names) {
      const disk = new SimulatedFileSystem({ random: this.#random })
      await disk.makeDirectory('/wal')
      const clock = new RegionClock(this.#clock)
      this.#regions.set(name, {
        name,
        clock,
        store: new Store(this.#doubles, this.#clock),
        disk,
        open: undefined,
        queue: undefined,
      })
      await this.#start(name)
    }
    for (const step of steps) await this.#take(step)
    await this.#mend()
    await this.#rest()
    const stores = new Map(names.map((name) => [name, this.#region(name).store] as const))
    this.#wrong.push(...(await wrongStores(stores, this.#written, keys)))
    await Promise.all(names.map((name) => this.#halt(name)))
    return this.#wrong
  }

  async #take(step: Step): Promise<void> {
    switch (step.do) {
      case 'wait':
        return this.#clock.advance(step.ms)
      case 'drift':
        this.#region(step.in).clock.offsetMs = step.ms
        return
      case 'store':
        this.#region(step.in).store.isDown = step.isDown
        return
      case 'crash':
        return this.#crash(step.in)
      case 'slow':
        this.#link(step.from, step.to).delayMs = step.ms
        return
      case 'cut':
      case 'mend':
        this.#link(step.from, step.to).isCut = step.do === 'cut'
        return
      default:
        return this.#write(step)
    }
  }

  async #write(step: WriteStep): Promise<void> {
    const { open } = this.#region(step.in)
    if (open === undefined) return
    const { key, delay } = step
    const payload = this.#payloadOf(step)
    // Not waited for: it may be on its way when the power fails, and the disk takes its time.
    open.tryWrite({ key, op: step.do, payload, delay } as never).then(
      ({ id, durable }) => {
        if (durable === 'yes') this.#written.add(id)
        if (durable === 'yes') this.counts.written++
      },
      (error: { readonly code?: string }) => {
        if (error.code === 'ERR_CLOCK_DRIFT') this.counts.refused++
        else if (error.code !== 'ERR_CLOSED') this.#wrong.push(`a write failed: ${error}`)
      },
    )
    await this.#clock.settle()
  }

  #payloadOf({ do: op, in: name }: WriteStep): Row | undefined {
    const number = ++this.#rows
    if (op === 'delete') return undefined
    const title = `${name} ${number}`
    if (op === 'put') return { title, year: number }
    return number % 2 === 0 ? { title } : { year: number }
  }

  async #crash(name: RegionName): Promise<void> {
    if (this.#region(name).open === undefined) return this.#start(name)
    this.counts.crashes++
    await this.#halt(name)
  }

  /** Nothing of it goes on, and nothing that was not synced need be there. */
  async #halt(name: RegionName): Promise<void> {
    const region = this.#region(name)
    if (region.open === undefined) return
    const { disk } = region
    region.disk = disk.crash({ keep: this.#random.chance(0.5) ? 'none' : 'random' })
    disk.kill()
    region.open = undefined
    region.queue = undefined
    await this.#clock.settle()
  }

  async #start(name: RegionName): Promise<void> {
    const region = this.#region(name)
    const queue = fileQueue({ directory: '/wal/rows', fileSystem: region.disk, lock: openLock })
    const peers = names.filter((each) => each !== name)
    const ends = peers.map(
      (peer) => [peer, { number: names.indexOf(peer), target: this.#end(region, peer) }] as const,
    )
    const { namespaces } = resolveOptions({
      namespaces: {
        rows: crossRegionReplication({
          region: { name, number: names.indexOf(name) },
          queue,
          targets: { store: region.store },
          peers: Object.fromEntries(ends) as Record<string, { number: number; target: Target }>,
          retry: { maxAttempts: 1000, minDelay: 10, maxDelay: 1000 },
          breaker: { minOpen: 100, maxOpen: 1000 },
        }),
      },
    })
    const config = namespaces[0] as ResolvedNamespace
    const open = await this.#until(
      OpenNamespace.open({
        ...{ config, queue, directory: undefined, clock: region.clock },
        region: config.replication?.region ?? { name, number: 0 },
        shard: new Shard('default', defaultShard),
        isolation: new Isolation(),
        random: new SeededRandom(this.#random.integer(1, 1e9)),
        emitter: this.#listener(name),
      }),
    )
    await this.#until(open.start())
    region.open = open
    region.queue = queue
  }

  #listener(name: RegionName): WalEmitter {
    const emitter = new WalEmitter()
    emitter.on('error', ({ error }) => this.#wrong.push(`${name}: ${error.message}`))
    emitter.on('deadLettered', ({ stored }) => this.#wrong.push(`${name}: dead: ${stored.id}`))
    emitter.on('peerHeld', () => this.counts.held++)
    return emitter
  }

  #end(from: Region, to: RegionName): Target<unknown> {
    const between = ends[(names.indexOf(from.name) + names.indexOf(to)) % ends.length] ?? 'wal'
    const end = this.#peersEnd === 'each' ? between : this.#peersEnd
    if (end === 'queue') return this.#queueEnd(from, to)
    if (end === 'store') return this.#storeEnd(from, to)
    return walTarget({
      forward: (records) =>
        this.#carry(from, to, records, {
          take: (region, kept) => up(region.open).forward(structuredClone(kept)),
          lost: ({ id, version }) => ({ id, version, durable: 'yes' }),
        }),
    })
  }

  #queueEnd(from: Region, to: RegionName): Target<unknown> {
    const producer: Producer = {
      send: (records) =>
        this.#carry(from, to, records, {
          take: async (region, kept) => {
            const producer = await up(region.queue).producer()
            return producer.send(structuredClone(kept), {})
          },
          lost: (): SendOutcome => ({ durable: 'yes' }),
        }),
      close: async () => {},
    }
    return queueTarget({ producer })
  }

  /** It stands outside of the machine that crashes. */
  #storeEnd(from: Region, to: RegionName): Target<unknown> {
    return {
      ...{ idempotency: 'version', guardsFields: true },
      apply: (records) =>
        this.#carry(from, to, records, {
          take: ({ store }, kept) => store.apply(structuredClone(kept) as never),
          lost: () => applied,
        }),
    }
  }

  /** Over a link, there and back: answers what the other end said of each. */
  async #carry<R extends Carried, O>(
    from: Region,
    to: RegionName,
    records: readonly R[],
    end: {
      take(region: Region, kept: readonly R[]): Promise<readonly O[]>
      /** The answer for one that is not there. */
      lost(record: R): O
    },
  ): Promise<readonly O[]> {
    const link = this.#link(from.name, to)
    if (link.isCut) throw refused('ECONNRESET')
    for (const record of records) {
      if (record.origin === from.name) continue
      this.#wrong.push(`${from.name} sends on to ${to} what was written in ${record.origin}`)
    }
    await this.#pass(link.delayMs)
    const kept = records.filter((record) => !this.#doubles.loses?.(record))
    const answers = await end.take(this.#region(to), kept)
    await this.#pass(link.delayMs)
    if (link.isCut) throw refused('ECONNRESET')
    const byRecord = new Map(kept.map((record, at) => [record, answers[at]]))
    return records.map((record) => byRecord.get(record) ?? end.lost(record))
  }

  /** The disk takes turns of the event loop, the rest of it virtual time. */
  async #until<T>(promise: Promise<T>): Promise<T> {
    let isDone = false
    const done = (): void => {
      isDone = true
    }
    promise.then(done, done)
    for (let turn = 0; !isDone && turn < 10_000; turn++) {
      await this.#clock.settle()
      if (!isDone && turn % 20 === 19) await this.#clock.advance(1)
    }
    return promise
  }

  #pass(ms: number): Promise<void> {
    return ms === 0 ? Promise.resolve() : new Promise((done) => this.#clock.setTimer(ms, done))
  }

  async #mend(): Promise<void> {
    for (const link of this.#links.values()) Object.assign(link, { isCut: false, delayMs: 0 })
    for (const name of names) {
      const region = this.#region(name)
      region.clock.offsetMs = 0
      region.store.isDown = false
      if (region.open === undefined) await this.#start(name)
      // Clocks are mended one after the other.
      await this.#clock.advance(5000)
    }
    // What a clock has written that was a minute ahead is a sign for a minute more, and that lasts a minute.
    await this.#clock.advance(121_000)
    for (const name of names) await this.#writeFresh(name)
  }

  /** With every clock right for two minutes no region refuses what is new. */
  async #writeFresh(name: RegionName): Promise<void> {
    const input = { key: `fresh in ${name}`, payload: { title: name } } as never
    const failed = await this.#until(this.#opened(name).write(input)).then(
      () => undefined,
      (error: Error) => error,
    )
    if (failed) this.#wrong.push(`${name} refuses a fresh key: ${failed.message}`)
  }

  /** Until every queue is empty; a clock that was ahead has to be waited for. */
  async #rest(): Promise<void> {
    for (let round = 0; round < 30; round++) {
      await this.#clock.advance(10_000)
      const pending = await Promise.all(
        names.map(async (name) => {
          const status = await this.#until(this.#opened(name).status())
          return Object.values(status.targets).reduce(
            (sum, each) => sum + (each.pending ?? 0) + (each.delayed ?? 0),
            0,
          )
        }),
      )
      if (pending.every((each) => each === 0)) return
    }
    this.#wrong.push('records are left in the queues')
  }

  #region(name: RegionName): Region {
    return this.#regions.get(name) as Region
  }

  #opened(name: RegionName): OpenNamespace {
    return this.#region(name).open as OpenNamespace
  }

  #link(from: RegionName, to: RegionName) {
    const link = this.#links.get(`${from}>${to}`) ?? { isCut: false, delayMs: 0 }
    this.#links.set(`${from}>${to}`, link)
    return link
  }
}

function up<T>(part: T | undefined): T {
  if (part === undefined) throw refused('ECONNREFUSED')
  return part
}
