import type { Drift } from './clock-watch.ts'

/** How a namespace that is one region of several is doing. */
export interface ReplicationStatus {
  readonly region: { readonly name: string; readonly number: number }
  /** Which way this region's clock is off, as most regions see it: writes are refused then. */
  readonly drift: Drift | undefined
  /** The other regions, by name. */
  readonly peers: Readonly<Record<string, PeerStatus>>
}

/** How far a peer is behind, and what comes from it. */
export interface PeerStatus {
  readonly number: number
  /**
   * Records in the queue that are not there yet, the most of its targets. Those of other regions that lie
   * among them count until they are passed over. Undefined where this process cannot tell.
   */
  readonly pending: number | undefined
  /** Age of the oldest of them, in ms: how far it is behind in time. 0 without one. */
  readonly lagMs: number | undefined
  /** `catchUp` bounds how fast it is brought up to date. False before `start`. */
  readonly isCatchingUp: boolean
  /** Records of the peer that were not taken for now, since the wal was opened; each once, however often it was asked about. */
  readonly refused: number
  /** When a record of the peer was last taken, in ms since the Unix epoch; undefined for none since then. */
  readonly lastArrivalAt: number | undefined
}
