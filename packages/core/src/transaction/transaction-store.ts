import type { WalError } from '../errors.ts'

/**
 * Where a transaction is in its life. What moves it between these is drawn in `docs/architecture.md`.
 *
 * - `open`: mutations are being added; nothing of it is ever applied.
 * - `sealed`: it is complete and durable, and will be applied.
 * - `applying`: a target has begun.
 * - `applied`: every target has applied all of its mutations.
 * - `parked`: a mutation cannot be applied to a target; its dead letter is to be redriven or discarded.
 * - `discarded`: it was never sealed and will not be; or the dead letter of a parked one was discarded.
 */
export type TransactionState = 'open' | 'sealed' | 'applying' | 'applied' | 'parked' | 'discarded'

/** The mutation that could not be applied. */
export interface TransactionFailure {
  /** Its place among all mutations of the transaction, counted from 0; undefined where none was tried. */
  readonly index: number | undefined
  readonly code: string
  readonly message: string
}

/** How far one target has come with a transaction. */
export interface TransactionProgress {
  readonly state: 'waiting' | 'applying' | 'applied' | 'parked' | 'discarded'
  /** How many of the mutations are for this target. */
  readonly mutations: number
  /** How many of these are known to be applied: the first ones, as they go in sequence. */
  readonly applied: number
  /** `applied` when the last attempt began: it has grown since if that attempt got anywhere. */
  readonly attemptedAt: number
  /** Set while it is parked. */
  readonly failure?: TransactionFailure | undefined
}

/** What is noted of a sealed transaction's marker. */
export interface MarkerNote {
  /** `sent`: the queue has taken it. `sending`: a process is about to send it once more. */
  readonly state: 'sending' | 'sent'
  /** In ms since the Unix epoch. */
  readonly at: number
  /** True if an earlier one may be in the queue as well. */
  readonly isRepeat: boolean
  /** The one that it carries, as digits, where it is `sent`. */
  readonly version?: string | undefined
}

/** What is known of a transaction as a whole. A store keeps it as it is. */
export interface TransactionHead {
  /** A UUIDv7. */
  readonly id: string
  /** 1 at first, and one more with every change. */
  readonly revision: number
  readonly state: TransactionState
  /** In ms since the Unix epoch. */
  readonly openedAt: number
  /** When its state changed last, in ms since the Unix epoch. */
  readonly changedAt: number
  /** How many mutations it has; 0 while it is open. */
  readonly mutations: number
  /** Bytes of its chunks together; 0 while it is open. */
  readonly bytes: number
  /** How many chunks it has; 0 while it is open. */
  readonly chunks: number
  /** CRC-32 over the bytes of all chunks in their order; 0 while it is open. */
  readonly checksum: number
  /** Most mutations of one key: so many versions it takes up. 0 while it is open. */
  readonly span: number
  /**
   * The highest version of its mutations. Fixed by the seal where processes share the queue, elsewhere by the first marker
   * delivered; undefined until then.
   */
  readonly version: bigint | undefined
  /** By name, for each target that it has mutations for. */
  readonly targets: Readonly<Record<string, TransactionProgress>>
  /** Undefined where it is not known that its marker is in the queue. */
  readonly marker?: MarkerNote | undefined
}

/** How a head is put. */
export interface TransactionPutOptions {
  /**
   * False: it must survive the process, and need not yet survive what the store survives
   * otherwise. For progress, which may be forgotten. Default true.
   */
  readonly lasting?: boolean | undefined
  /**
   * True: the store may keep it in this process alone until the head is put again, and then store that one only. Whoever asks in
   * this process is given it; where the process dies it is forgotten. For what the next attempt finds out by itself. A store
   * that processes share stores it at once. Default false.
   */
  readonly mayWait?: boolean | undefined
}

/** Which transactions are meant: those that match everything given. */
export interface TransactionFilter {
  readonly state: TransactionState
  /** Whose state changed last before this instant, in ms since the Unix epoch. */
  readonly changedBefore: number
  /** At most so many; at least 1. */
  readonly limit: number
  /** Only those whose ids are behind this one: the last id of the page before. */
  readonly after?: string | undefined
}

/** What a store is told of the namespace that it is of. */
export interface TransactionStoreContext {
  readonly namespace: string
  /**
   * How long heads of what has ended are kept at least, in ms, unless the namespace removes them: a marker that comes again must
   * find its head.
   */
  readonly keepMs: number
  /** Tells the namespace, as an error of its own, of what the store has passed over: a head that a list could not read. */
  readonly reportError?: ((error: WalError) => void) | undefined
}

/**
 * Where the sets of transactions wait until they are applied: for each its head, and its mutations
 * in chunks of bytes that mean nothing to the store. As durable as the queue of its namespace, and the
 * namespace's own. Any number of processes may use one at the same time, unless it says otherwise.
 *
 * Once a head is stored as `applied` or `discarded`, its chunks may be let go.
 */
export interface TransactionStore {
  /**
   * Called where it is given, as its namespace is opened and before anything else; after a `close` once more, if the same store is
   * used again. Rejects where the store cannot be used as it is, or for this namespace: the wal is not created then, and the store
   * is closed.
   */
  open?(context: TransactionStoreContext): Promise<void>
  /**
   * Stores a new head, of revision 1, and its first chunks, all or nothing, durably. Answers false, and
   * changes nothing, where there is a transaction of this id.
   *
   * Where this or `put` rejects nobody knows whether it was stored, until a `get` resolves:
   * what that answers is certain then.
   */
  create(head: TransactionHead, chunks: readonly Uint8Array[]): Promise<boolean>
  /**
   * Stores a further chunk of an open transaction, durably. Storing the same one again changes nothing.
   * The bytes may be used again once it has resolved.
   */
  addChunk(id: string, index: number, bytes: Uint8Array): Promise<void>
  /**
   * Replaces the head if the stored one has the revision just before; answers false, and changes nothing,
   * if it has another one, or there is none. Of several at the same time one succeeds.
   */
  put(head: TransactionHead, options?: TransactionPutOptions): Promise<boolean>
  /** The head as it was put last, or undefined if there is none. */
  get(id: string): Promise<TransactionHead | undefined>
  /** A chunk as it was stored; undefined if there is none, or none can be seen yet. */
  chunk(id: string, index: number): Promise<Uint8Array | undefined>
  /**
   * The heads that match, in rising order of their ids. A store that reads each by itself passes over one that it
   * cannot read, and reports that with its id and the reason: it must not keep the others from being looked after. Nothing of it
   * is removed. Rejects where that is so of many.
   */
  list(filter: TransactionFilter): Promise<readonly TransactionHead[]>
  /** Removes a transaction, head and chunks, durably. One that is not there is passed over. */
  remove(id: string): Promise<void>
  /** Waits for what is under way, then gives up its resources. A second call does nothing more. */
  close(): Promise<void>
}

/** True for a transaction that has come to its end: nothing more will be applied of it. */
export function hasEnded({ state }: Pick<TransactionHead, 'state'>): boolean {
  return state === 'applied' || state === 'discarded'
}

/** True where a target needs the marker yet: it has not ended, and no dead letter stands for it. */
export function isUnderWay({ state }: Pick<TransactionProgress, 'state'>): boolean {
  return state === 'waiting' || state === 'applying'
}

/** What the whole is in, once it is sealed, by how far each target has come. */
export function stateOf(targets: TransactionHead['targets']): TransactionState {
  const states = Object.values(targets).map(({ state }) => state)
  if (states.includes('parked')) return 'parked'
  if (states.every((state) => state === 'applied')) return 'applied'
  if (states.every((state) => state === 'applied' || state === 'discarded')) return 'discarded'
  return states.every((state) => state === 'waiting') ? 'sealed' : 'applying'
}
