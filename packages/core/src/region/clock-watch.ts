import type { Clock } from '../clock.ts'

/** Which way this region's clock is off, as most of the regions see it. */
export type Drift = 'ahead' | 'behind'

export interface ClockWatchOptions {
  readonly clock: Clock
  /** How far clocks may be apart, in ms. */
  readonly maxDriftMs: number
  /** The other regions. */
  readonly peers: number
  /** Called when it begins to be off. */
  onDrift(drift: Drift, peers: readonly string[]): void
}

/** A record of a peer that was ahead of this clock, or one of this region that a peer found ahead of its own. */
interface Sign {
  /** Monotonic ms. */
  readonly at: number
  /** Of a peer's clock ahead: what it showed then, at least, less the monotonic time. */
  readonly peerOffsetMs: number
  /** What this clock showed then, less the monotonic time. */
  readonly ownOffsetMs: number
}

/** A sign says nothing any more after so long, in ms. */
const signLastsMs = 60_000

/**
 * Tells whether this region's clock is off, from what passes between regions: nobody asks a clock.
 *
 * A record of a peer that is ahead of this clock by more than the bound shows that one of the two is
 * wrong, and not which; so does a peer's word that a record of this region is ahead of its clock. It is
 * this one that is wrong if more than half of all regions, this one counted, are on the other side. Of
 * two regions nobody can tell.
 */
export class ClockWatch {
  readonly #options: ClockWatchOptions
  readonly #signs: Readonly<Record<Drift, Map<string, Sign>>> = {
    ahead: new Map(),
    behind: new Map(),
  }
  /** By peer: the highest version that was such a sign. What is held is seen again and again, and says nothing new. */
  readonly #newestAheadMs = new Map<string, number>()
  #last: Drift | undefined

  constructor(options: ClockWatchOptions) {
    this.#options = options
  }

  /** A record of the peer has a version ahead of this clock by more than the bound. */
  sawAhead(peer: string, versionMs: number): void {
    const { clock } = this.#options
    if (versionMs <= (this.#newestAheadMs.get(peer) ?? Number.NEGATIVE_INFINITY)) return
    this.#newestAheadMs.set(peer, versionMs)
    this.#note('behind', peer, versionMs - clock.monotonic())
  }

  /** A record that the peer has just written is near this clock: the two agree. */
  sawNear(peer: string): void {
    this.#signs.behind.delete(peer)
  }

  /** The peer says so of a record of this region. */
  toldAhead(peer: string, versionMs: number): void {
    // A version ahead of this clock, too, is no word of this clock: it was set back since. Versions of one
    // instant are some microseconds apart.
    if (versionMs <= this.#options.clock.now() + 1) this.#note('ahead', peer, 0)
  }

  /** The peer has taken a record of this region that was just written. */
  agrees(peer: string): void {
    this.#signs.ahead.delete(peer)
  }

  /** True while nothing speaks against this clock: asked before every write. */
  get isQuiet(): boolean {
    return this.#signs.ahead.size === 0 && this.#signs.behind.size === 0
  }

  /** How this clock is off; undefined while it is not, or nobody can tell. */
  drift(): Drift | undefined {
    if (this.isQuiet && this.#last === undefined) return undefined
    const found = this.#isMost('ahead') ? 'ahead' : this.#isMost('behind') ? 'behind' : undefined
    const isNew = found !== undefined && found !== this.#last
    this.#last = found
    if (isNew) this.#options.onDrift(found, [...this.#signs[found].keys()])
    return found
  }

  #note(drift: Drift, peer: string, peerOffsetMs: number): void {
    const { clock } = this.#options
    const at = clock.monotonic()
    this.#signs[drift].set(peer, { at, peerOffsetMs, ownOffsetMs: clock.now() - at })
    this.drift()
  }

  #isMost(drift: Drift): boolean {
    const signs = this.#signs[drift]
    for (const [peer, sign] of signs) if (!this.#holds(drift, sign)) signs.delete(peer)
    return signs.size * 2 > this.#options.peers + 1
  }

  /** A clock that was set right since is believed at once. */
  #holds(drift: Drift, { at, peerOffsetMs, ownOffsetMs }: Sign): boolean {
    const { clock, maxDriftMs } = this.#options
    const monotonic = clock.monotonic()
    if (monotonic - at > signLastsMs) return false
    const offsetMs = clock.now() - monotonic
    return drift === 'behind'
      ? peerOffsetMs - offsetMs > maxDriftMs
      : ownOffsetMs - offsetMs <= maxDriftMs
  }
}
