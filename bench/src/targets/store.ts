import type { Target } from '@daybook/core'

/** What is written: a row or document of a catalogue, under a key of its own. */
export interface Item {
  readonly key: string
  readonly payload: Payload
}

/** Fields of several types, and text that fills it up to the size asked for. */
export interface Payload {
  readonly title: string
  readonly year: number
  readonly rating: number
  readonly synopsis: string
}

/** How a loop by hand goes about it: as delivery is told to. */
export interface Pace {
  readonly batchRecords: number
  /** Batches under way at once. */
  readonly concurrency: number
}

/**
 * A real store, its target, and what somebody without a log would write instead. One file each in
 * `stores/`, named in `stores/index.ts`.
 */
export interface BenchStore {
  readonly name: string
  /** Product, client and what is done, for the report. */
  readonly about: string
  /** Starts the server, if it does not run, and connects, for calls at this pace. */
  open(pace: Pace): Promise<OpenStore>
}

/** A store that is connected to. */
export interface OpenStore {
  /** A fresh, empty table or index for one round, and its target. */
  round(): Promise<StoreRound>
  /** Disconnects, and takes away the server. */
  close(): Promise<void>
}

/** One round's place in the store. */
export interface StoreRound {
  readonly target: Target<Payload>
  /**
   * The loop by hand: the same client, calls of as many items, each with a version of its own, and every
   * answer looked at. It remembers nothing, and a failure ends it.
   */
  writeBatch(items: readonly Item[], firstVersion: bigint): Promise<void>
  /** How many items are there. */
  count(): Promise<number>
}
