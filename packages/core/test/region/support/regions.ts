import type { Clock, Timer } from '../../../src/clock.ts'
import { type } from '../../../src/config/payload-type.ts'
import type { Duration } from '../../../src/config/quantity.ts'
import type { WalEvents } from '../../../src/events.ts'
import { crossRegionReplication } from '../../../src/persona/cross-region-replication.ts'
import { memoryQueue } from '../../../src/queue/memory-queue.ts'
import type { Queue } from '../../../src/queue/queue.ts'
import type { ForwardedRecord, WalRecord } from '../../../src/record.ts'
import type { Target } from '../../../src/target/target.ts'
import { type Forward, walTarget } from '../../../src/target/wal/wal-target.ts'
import { SeededRandom } from '../../../src/testing/seeded-random.ts'
import type { VirtualClock } from '../../../src/testing/virtual-clock.ts'
import { createWal } from '../../../src/wal.ts'
import { type Row, VersionedStore } from '../../testing/versioned-store.ts'

export const names = ['eu', 'us', 'asia'] as const
export type RegionName = (typeof names)[number]

/** The clock of one region: it can be off. */
export class RegionClock implements Clock {
  offsetMs = 0
  readonly #base: Clock

  constructor(base: Clock) {
    this.#base = base
  }

  now(): number {
    return this.#base.now() + this.offsetMs
  }

  monotonic(): number {
    return this.#base.monotonic()
  }

  setTimer(delayMs: number, run: () => void): Timer {
    return this.#base.setTimer(delayMs, run)
  }
}

/** A store that remembers what came, and that can be told to remember deletes for a while only. */
export class RegionStore extends VersionedStore {
  /** Ids in the order in which they came, each with the region it is from. */
  readonly came: string[] = []
  remembersDeletesMs?: () => number

  override async apply(records: readonly WalRecord<Row>[]) {
    this.came.push(...records.map(({ id }) => id))
    return super.apply(records)
  }
}

/** From one region to another. */
export type Link = `${RegionName}>${RegionName}`

export interface RegionsOptions {
  readonly clock: VirtualClock
  readonly seed?: number
  readonly maxDrift?: Duration
  /** Between two probes of a peer that is away. */
  readonly longestPause?: Duration
  readonly longestLag?: Duration
  readonly catchUp?: { readonly perSecond: number; readonly behind: Duration } | 'unlimited'
  readonly numbers?: Readonly<Record<RegionName, number>>
  /** Most that a delivery holds. */
  readonly heldRecords?: number
  readonly onDeadLetter?: 'block'
  /** What a region applies to; the same object over its restarts. */
  readonly storeOf?: (name: RegionName) => RegionStore
  readonly queueOf?: (name: RegionName) => Queue
  /** The peer's end in place of its wal. */
  readonly endOf?: (from: RegionName, to: RegionName) => Target<Row> | undefined
}

/** Three regions in one process, each with a clock of its own, and links that can be cut or slow. */
export async function openRegions(options: RegionsOptions) {
  const regions = new Map<RegionName, Awaited<ReturnType<typeof openRegion>>>()
  const links = new Map<Link, { isCut: boolean; delayMs: number }>()
  const linkOf = (from: RegionName, to: RegionName) => {
    const link = links.get(`${from}>${to}`) ?? { isCut: false, delayMs: 0 }
    links.set(`${from}>${to}`, link)
    return link
  }
  const at = (name: RegionName) => {
    const region = regions.get(name)
    if (region === undefined) throw Object.assign(new Error('down'), { code: 'ECONNREFUSED' })
    return region
  }
  const send =
    (from: RegionName, to: RegionName) => async (records: readonly ForwardedRecord[]) => {
      const { isCut, delayMs } = linkOf(from, to)
      if (isCut) throw Object.assign(new Error('cut'), { code: 'ECONNRESET' })
      if (delayMs > 0)
        await new Promise<void>((resolve) => options.clock.setTimer(delayMs, resolve))
      // As over a network: nothing is shared, and headers and payloads have been through JSON.
      return at(to).rows.forward(records.map((record) => copyOf(record)) as ForwardedRecord<Row>[])
    }
  const parts = new Map(
    names.map((name) => [name, { clock: new RegionClock(options.clock), store: storeOf(name) }]),
  )
  function storeOf(name: RegionName): RegionStore {
    return options.storeOf?.(name) ?? new RegionStore()
  }
  const open = async (name: RegionName) => {
    const { clock, store } = parts.get(name) as { clock: RegionClock; store: RegionStore }
    regions.set(name, await openRegion({ ...options, name, clock, store, send }))
  }
  for (const name of names) await open(name)
  return {
    at,
    linkOf,
    clockOf: (name: RegionName) => parts.get(name)?.clock as RegionClock,
    storeOf: (name: RegionName) => parts.get(name)?.store as RegionStore,
    isUp: (name: RegionName) => regions.has(name),
    open,
    /** Leaves everything as it is, as a process that dies. */
    forget: (name: RegionName) => regions.delete(name),
    /** A process that ends in order; its queue is gone with it unless it is kept elsewhere. */
    async close(name?: RegionName) {
      for (const each of name === undefined ? [...regions.keys()] : [name]) {
        const { wal } = at(each)
        regions.delete(each)
        await options.clock.runUntil(wal.close({ timeout: 100 }))
      }
    },
  }
}

interface RegionOptions extends RegionsOptions {
  readonly name: RegionName
  readonly clock: VirtualClock
  readonly store: RegionStore
}

async function openRegion(
  options: Omit<RegionOptions, 'clock'> & {
    readonly clock: RegionClock
    send(
      from: RegionName,
      to: RegionName,
    ): (records: readonly ForwardedRecord[]) => ReturnType<Forward>
  },
) {
  const { name, clock, store, seed = 1, send, endOf, queueOf } = options
  const { numbers = { eu: 0, us: 1, asia: 2 }, maxDrift, longestLag, catchUp } = options
  const peers = Object.fromEntries(
    names
      .filter((each) => each !== name)
      .map((each) => {
        const target = endOf?.(name, each) ?? walTarget<Row>({ forward: send(name, each) })
        return [each, { number: numbers[each], target }]
      }),
  )
  const wal = await createWal({
    clock,
    random: new SeededRandom(seed + numbers[name]),
    namespaces: {
      rows: crossRegionReplication({
        payload: type<Row>(),
        region: { name, number: numbers[name] },
        queue: queueOf?.(name) ?? memoryQueue(),
        targets: { store },
        peers: peers as Record<string, { number: number; target: Target<Row> }>,
        ...{ maxDrift, longestLag, catchUp, onDeadLetter: options.onDeadLetter },
        ...(options.heldRecords && { limits: { heldRecords: options.heldRecords } }),
        retry: { minDelay: '10ms', maxDelay: '100ms' },
        breaker: { minOpen: '50ms', maxOpen: options.longestPause ?? '200ms' },
      }),
    },
  })
  const events = listenTo(wal)
  await wal.start()
  return { wal, rows: wal.namespace('rows'), store, events }
}

type Told = { readonly [E in keyof WalEvents]?: Parameters<WalEvents[E]>[0][] }

function listenTo(wal: { on<E extends keyof WalEvents>(event: E, listen: WalEvents[E]): unknown }) {
  const told: { [E in keyof WalEvents]?: unknown[] } = {}
  for (const event of [
    'held',
    'peerHeld',
    'clockDrift',
    'deadLettered',
    'paused',
    'error',
  ] as const) {
    const list: unknown[] = []
    told[event] = list
    wal.on(event, ((each: unknown) => list.push(each)) as never)
  }
  return told as Required<Told>
}

function copyOf(record: ForwardedRecord): unknown {
  const { version, ...rest } = record
  return { ...(JSON.parse(JSON.stringify(rest)) as object), version }
}
