/** What the target does with a client. Write one of these to use another package's. */
export interface MemcachedConnection {
  /** What is held of a key, with the CAS number that belongs to it; undefined for nothing. */
  gets(key: string): Promise<HeldItem | undefined>
  /**
   * Stores what `change` says, if the item still is as it was read. Resolves with false if it is not, or
   * if it was read before the server was connected anew, so that it has to be read again; rejects with what the server says, or where the connection breaks.
   */
  store(change: ItemChange): Promise<boolean>
  /** Resolves if the server, or one of several, answers. */
  ping(): Promise<unknown>
  /**
   * True if a server answers that is not the one of this key: then only the keys of that one wait, and
   * not the whole target. Left out where there is one server.
   */
  othersAnswer?(key: string): Promise<boolean>
  /** The name of the server that has this key, for `status()` and alarms. Left out where there is one server. */
  serverOf?(key: string): string | undefined
}

/** An item as it was read. */
export interface HeldItem {
  readonly value: string | Uint8Array
  /**
   * Tells this item from each other one of its key: the CAS number, and over which connection it was read,
   * for a server that is restarted counts from one again. Only `store` of the same connection reads it.
   */
  readonly cas: string
}

/** A compare-and-set of one item. */
export interface ItemChange {
  readonly key: string
  readonly value: string | Uint8Array
  /** How long it stays, in whole seconds; 0 for ever, 2,592,000 at most. */
  readonly ttlSeconds: number
  /** What the item was read with, which it still has to have, or undefined where nothing may be held. */
  readonly cas: string | undefined
}
