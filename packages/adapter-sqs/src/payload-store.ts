/**
 * Where bodies wait that are too large for a message: an object store such as S3, or a directory
 * that all processes share. Every method may be called again after a failure.
 */
export interface PayloadStore {
  /** Resolves once the bytes are durable under this name, in place of what was there. */
  put(name: string, bytes: Uint8Array): Promise<void>
  /** The bytes, or undefined if there are none of this name. */
  get(name: string): Promise<Uint8Array | undefined>
  /** Resolves once they are gone; also where there were none. */
  delete(name: string): Promise<void>
  /**
   * What bears this name counts as put now, if there is such a thing. Called each time that a message which
   * names it is sent anew; on S3, a copy onto itself.
   */
  touch?(name: string): Promise<void>
  /**
   * Removes what has one of these names and was neither put nor touched since then, in ms since the Unix
   * epoch, and answers how many. Called once a day while a consumer is open. Needs `touch`. A store that
   * expires objects by their age does without.
   */
  sweep?(prefix: string, since: number): Promise<number>
}

/** A store in which nothing stays that no message names any more. */
export type SweptStore = ListingStore & Required<Pick<PayloadStore, 'touch' | 'sweep'>>

/** A store that can also say what it holds: dead letters are kept in one. */
export interface ListingStore extends PayloadStore {
  /**
   * Names that begin with the prefix and come after `after`, in the order of their characters: all, or
   * the first of them. An empty answer is the end.
   */
  list(prefix: string, after: string | undefined): Promise<readonly string[]>
}

/** What a store has to have. */
export const payloadStoreMethods = ['put', 'get', 'delete'] as const
/** What a store that lists has to have. */
export const listingStoreMethods = [...payloadStoreMethods, 'list'] as const

/** The first of the methods that it does not have, whatever it is. */
export function lackingMethod(store: unknown, methods: readonly string[]): string | undefined {
  const members = (store ?? {}) as Readonly<Record<string, unknown>>
  return methods.find((method) => typeof members[method] !== 'function')
}
