import type { Clock } from '../clock.ts'
import type { ResolvedReplication } from '../config/replication.ts'
import type { PeerHeldEvent } from '../events.ts'
import type { RecordFields } from '../record.ts'
import type { ClockWatch } from './clock-watch.ts'
import { NotTakenError } from './region-error.ts'

export interface ArrivalsOptions {
  readonly namespace: string
  readonly settings: ResolvedReplication
  readonly clock: Clock
  readonly watch: ClockWatch
  onHeld(event: Omit<PeerHeldEvent, 'namespace'>): void
}

/** What tells one record from others, and where it comes from. */
type Arrival = Pick<RecordFields, 'id' | 'version' | 'origin'> & {
  readonly key?: string | undefined
}

/** What there is to say of the records of one region. */
interface Arrived {
  refused: number
  /** Those of them that may be asked about again, in the order in which they were first refused. */
  readonly waiting: Set<string>
  lastAt: number | undefined
  /** Monotonic ms at which it was last told that one is held, by the reason. */
  readonly toldAt: Map<string, number>
}

/** A record that is held is tried again after so long at most, in ms: clocks may be set right meanwhile. */
const longestHoldMs = 30_000

/** While records of a peer are held that is told so often, in ms. */
const tellEveryMs = 60_000

/** So many ids of a region are known again; a peer holds at most `limits.heldRecords` of them for a target. */
const mostWaiting = 65_536

/** Whatever calls itself a region counts. So many are told apart; the others count as one. */
const mostRegions = 64
const others = ''

/**
 * Looks at what comes from other regions. A record is taken if it comes from a peer, has that peer's
 * number in its version, and is not further ahead of this clock than the bound. Any other is
 * not: it waits where it is, until the clock has come near it, or somebody has mended the regions.
 */
export class Arrivals {
  readonly #options: ArrivalsOptions
  readonly #arrived = new Map<string, Arrived>()

  constructor(options: ArrivalsOptions) {
    this.#options = options
  }

  /** Why the record is not taken now; undefined if it is. One that arrived before is `isArriving: false`. */
  objection(record: Arrival, isArriving = true): NotTakenError | undefined {
    const error = this.#regionError(record) ?? this.#aheadError(record)
    const arrived = this.#of(record.origin)
    if (error === undefined) this.#taken(record, arrived, isArriving)
    else this.#refuse(record, error, arrived)
    return error
  }

  #taken({ id, version, origin }: Arrival, arrived: Arrived, isArriving: boolean): void {
    const { clock, settings, watch } = this.#options
    if (arrived.waiting.size > 0) arrived.waiting.delete(id)
    const now = clock.now()
    if (isArriving) arrived.lastAt = now
    if (Math.abs(Number(version) / 1000 - now) <= settings.maxDriftMs) watch.sawNear(origin)
  }

  /** True for one of a region that is no peer, or has another number here. */
  isUnknown(record: Arrival): boolean {
    return this.#regionError(record) !== undefined
  }

  /** Records of the peer not taken for now, since the wal was opened. */
  refused(peer: string): number {
    return this.#arrived.get(peer)?.refused ?? 0
  }

  /** When a record of the peer was last taken, in ms since the Unix epoch. */
  lastAt(peer: string): number | undefined {
    return this.#arrived.get(peer)?.lastAt
  }

  #regionError({ id, version, origin }: Arrival): NotTakenError | undefined {
    const { namespace, settings } = this.#options
    const { region, peers } = settings
    const number = origin === region.name ? region.number : peers.get(origin)?.number
    const ofVersion = Number(version & 15n)
    if (number === ofVersion) return undefined
    const reason =
      number === undefined
        ? `comes from region '${origin}', which is no peer of '${region.name}'`
        : `has region number ${ofVersion} in its version, and '${origin}', where it comes from, is ${number} here`
    const message = `Record ${id} for namespace '${namespace}' ${reason}. Configure the regions alike`
    return new NotTakenError('ERR_UNKNOWN_REGION', message, {
      retryAfterMs: longestHoldMs,
      aheadMs: 0,
    })
  }

  #aheadError({ id, version, origin }: Arrival): NotTakenError | undefined {
    const { namespace, settings, clock, watch } = this.#options
    const versionMs = Number(version) / 1000
    const aheadMs = Math.floor(versionMs - clock.now())
    if (aheadMs <= settings.maxDriftMs) return undefined
    if (settings.peers.has(origin)) watch.sawAhead(origin, versionMs)
    const message =
      `Record ${id} of region '${origin}' for namespace '${namespace}' is ${aheadMs} ms ahead of this machine's ` +
      `clock; the most is ${settings.maxDriftMs} ms (maxDrift). It waits until the clock has come near it: check both clocks`
    const retryAfterMs = Math.min(longestHoldMs, aheadMs - settings.maxDriftMs)
    return new NotTakenError('ERR_VERSION_AHEAD', message, { retryAfterMs, aheadMs })
  }

  #refuse({ id, key, version, origin }: Arrival, error: NotTakenError, arrived: Arrived): void {
    const { clock, onHeld } = this.#options
    const { code, message, aheadMs } = error
    countOnce(arrived, id)
    const now = clock.monotonic()
    if (now - (arrived.toldAt.get(code) ?? Number.NEGATIVE_INFINITY) < tellEveryMs) return
    arrived.toldAt.set(code, now)
    onHeld({ peer: origin, code, message, id, key, version, aheadMs })
  }

  #of(region: string): Arrived {
    const known = this.#arrived.get(region)
    if (known !== undefined) return known
    const arrived: Arrived = {
      ...{ refused: 0, waiting: new Set<string>(), lastAt: undefined },
      toldAt: new Map(),
    }
    const isPeer = this.#options.settings.peers.has(region)
    if (!isPeer && region !== others && this.#arrived.size >= mostRegions) return this.#of(others)
    this.#arrived.set(region, arrived)
    return arrived
  }
}

/** What is held is asked about again and again. */
function countOnce(arrived: Arrived, id: string): void {
  const { waiting } = arrived
  if (waiting.has(id)) return
  arrived.refused++
  waiting.add(id)
  if (waiting.size <= mostWaiting) return
  for (const oldest of waiting) {
    waiting.delete(oldest)
    return
  }
}
