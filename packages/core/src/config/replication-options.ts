import type { ApplyBatch, Target } from '../target/target.ts'
import type { Duration } from './quantity.ts'

/** A region, as it is written into records (its name) and versions (its number). */
export interface RegionOptions {
  readonly name: string
  /** 0 to 15. No two regions share one, so that their versions never tie. */
  readonly number: number
}

/** Another region, and what records of this one are brought to there. */
export type PeerOptions<P = never> = {
  /** Its number, 0 to 15. */
  readonly number: number
} & (
  | {
      /** Its end: a queue, a wal, or the one store there. The target's name is the region's. */
      readonly target: Target<P> | ApplyBatch<P>
      readonly targets?: undefined
    }
  | {
      /** Several, by name. Their names in `status()` and events are `region.name`. */
      readonly targets: { readonly [name: string]: Target<P> | ApplyBatch<P> }
      readonly target?: undefined
    }
)

/** How fast a peer that was away is brought up to date. */
export interface CatchUpOptions {
  /**
   * Records a second to each target of a peer, while it is far behind. Default 10,000. It must be more
   * than are written in this region, or the peer stays behind.
   */
  readonly perSecond?: number | undefined
  /** How old the next record is from which on it is far behind. Default `'1m'`. */
  readonly behind?: Duration | undefined
}

/** How a namespace is replicated; made by `crossRegionReplication`. */
export interface ReplicationOptions<
  Peers extends { readonly [region: string]: PeerOptions } = {
    readonly [region: string]: PeerOptions
  },
> {
  /** This region. Default: the wal's `region`, which has to be given then. */
  readonly region?: RegionOptions | undefined
  /** The other regions, by name. */
  readonly peers: Peers
  /**
   * How far clocks may be apart: 1 ms to a day, default `'1s'`. A write with a version further ahead of
   * this clock is refused, and a peer's record is held, until the clock has come near it.
   */
  readonly maxDrift?: Duration | undefined
  /**
   * How long a region may be away, default `'3d'`. Every target has to remember deletes for longer than
   * this; where one can say that it does not, `createWal` refuses. A put that is older than its target
   * remembers becomes a dead letter, as it might bring back what was deleted.
   */
  readonly longestLag?: Duration | undefined
  /** While a peer is far behind. `'unlimited'`: as fast as its target takes them. */
  readonly catchUp?: CatchUpOptions | 'unlimited' | undefined
}
