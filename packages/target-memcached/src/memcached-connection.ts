/** What the target does with a client. Write one of these to use another package's. */
export interface MemcachedConnection {
  /** What is held of a key, with the CAS number that belongs to it; undefined for nothing. */
  gets(key: string): Promise<HeldItem | undefined>
  /**
   * Stores what `change` says, if the item still is as it was read. Resolves with false if it is not, so
   * that it has to be read again; rejects with what the server says, or where the connection breaks.
   */
  store(change: ItemChange): Promise<boolean>
  /** Resolves if the server, or each of them, answers. */
  ping(): Promise<unknown>
}

/** An item as it was read. */
export interface HeldItem {
  readonly value: string | Uint8Array
  /** Digits: the number has 64 bits. */
  readonly cas: string
}

/** A compare-and-set of one item. */
export interface ItemChange {
  readonly key: string
  readonly value: string | Uint8Array
  /** How long it stays, in whole seconds; 0 for ever, 2,592,000 at most. */
  readonly ttlSeconds: number
  /** The number that the item has to have, or undefined where nothing may be held. */
  readonly cas: string | undefined
}
