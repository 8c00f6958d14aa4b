import { crc32 } from 'node:zlib'
import type { Clock } from '../clock.ts'
import { WalError } from '../errors.ts'
import type { Op, StoredRecord } from '../record.ts'
import type { FreshSet } from './fresh-sets.ts'
import type { HeadChanges } from './head-changes.ts'
import { encodeMarker, type MarkedTarget, type Marker } from './marker.ts'
import { ChunkWriter } from './mutation-format.ts'
import type { Transaction } from './transaction.ts'
import { notOpen } from './transaction-errors.ts'
import type { TransactionHead, TransactionProgress, TransactionStore } from './transaction-store.ts'

/** A mutation as its caller gives it. */
export interface MutationInput {
  readonly op: Op
  readonly target: string
  readonly key?: string | undefined
  readonly payload?: unknown
}

/** Where a mutation stands in its transaction. */
export interface MutationPlace {
  /** The transaction's. */
  readonly id: string
  readonly index: number
  /** How many of its key come before it. */
  readonly steps: number
}

export interface TransactionWriterOptions {
  readonly namespace: string
  readonly id: string
  readonly store: TransactionStore
  readonly changes: HeadChanges
  readonly clock: Clock
  readonly maxMutations: number
  readonly maxBytes: number
  /** True where the marker names the keys. */
  readonly namesKeys: boolean
  /** The highest of so many versions for each of these keys, given out from here on to nobody else. */
  versions(keys: Iterable<string>, steps: number): bigint
  /** Checks a mutation; answers its payload as the schema leaves it, in a promise if that takes time. */
  check(input: MutationInput): unknown
  build(input: MutationInput, payload: unknown, place: MutationPlace): StoredRecord
}

/** A sealed transaction, as its marker is made from it. */
export interface Sealed {
  readonly head: TransactionHead
  /** What the marker says, encoded. */
  readonly marker: Uint8Array
  readonly keys: Iterable<string>
}

const versionStep = 16

/** What there is nothing to wait for: one promise for all. */
const taken = Promise.resolve()

/** Whoever does not await it is told by the transaction as a whole. */
function refusal(error: unknown): Promise<never> {
  const refused = Promise.reject(error)
  refused.catch(() => {})
  return refused
}

/** Gathers one transaction's mutations and brings them into the store, chunk by chunk. */
export class TransactionWriter implements Transaction<unknown, string, 'none'> {
  readonly id: string
  readonly #options: TransactionWriterOptions
  readonly #chunks = new ChunkWriter()
  /** How many mutations each key has. */
  readonly #keys = new Map<string | undefined, number>()
  readonly #targets = new Map<string, { mutations: number; readonly keys: Set<string> }>()
  readonly #openedAt: number
  /** Settles once all mutations so far are taken. Never rejects. */
  #last: Promise<void> | undefined
  #failure: { readonly error: unknown } | undefined
  #isEnded = false
  /** What its mutations are refused with, where there is another transaction of this id. */
  #rival: WalError | undefined
  /** What the store has; undefined until the first chunk is full. */
  #head: TransactionHead | undefined
  #stored = 0
  #bytes = 0
  #checksum = 0
  #mutations = 0
  /** Most mutations of one key. */
  #span = 1
  #chunkCount = 0
  /** The last chunk, once it is finished. */
  #rest: Uint8Array | undefined
  /** What its marker says, encoded once it was asked for. */
  #marker: Uint8Array | undefined

  constructor(options: TransactionWriterOptions) {
    this.#options = options
    this.id = options.id
    this.#openedAt = options.clock.now()
  }

  put(target: string, mutation: object): Promise<void> {
    return this.#add({ ...mutation, op: 'put', target })
  }

  patch(target: string, mutation: object): Promise<void> {
    return this.#add({ ...mutation, op: 'patch', target })
  }

  delete(target: string, mutation: object): Promise<void> {
    return this.#add({ ...mutation, op: 'delete', target })
  }

  /** Takes no more mutations; resolves once those so far are taken. Rejects if any was refused. */
  async finish(): Promise<void> {
    this.#isEnded = true
    while (this.#last !== undefined) await this.#last
    if (this.#failure !== undefined) throw this.#failure.error
    this.#rest = this.#chunks.end()
    if (this.#rest !== undefined) this.#count(this.#rest)
    if (this.#mutations > 0) return
    throw new WalError(
      'ERR_INVALID_RECORD',
      `A transaction of namespace '${this.#options.namespace}' is refused: it has no mutations`,
    )
  }

  /**
   * Seals it, durably. Undefined if it cannot be any more: it was discarded, or there is another one of this id.
   * Rejects where the store fails; a `get` tells then what it came to.
   */
  async seal(): Promise<Sealed | undefined> {
    const { store, changes } = this.#options
    const last = this.#rest === undefined ? [] : [this.#rest]
    const sealed = this.#versioned(this.sealed)
    if (this.#head === undefined) {
      const head = { ...sealed.head, revision: 1 }
      return (await changes.create(head, last)) ? { ...sealed, head } : undefined
    }
    for (const chunk of last) await store.addChunk(this.id, this.#stored++, chunk)
    const head = await changes.put(this.#head, sealed.head)
    return head && { ...sealed, head }
  }

  /** True where this is what it was refused with because another call has its id, in another process. */
  isTaken(error: unknown): boolean {
    return this.#rival !== undefined && error === this.#rival
  }

  /** Lets go of what the store has of it. */
  async abandon(): Promise<void> {
    this.#isEnded = true
    // What waits for its turn is not stored any more.
    this.#failure ??= { error: notOpen(this.id) }
    while (this.#last !== undefined) await this.#last
    if (this.#head !== undefined)
      await this.#options.changes.put(this.#head, { state: 'discarded' })
  }

  /** Its chunk, where it has one only. To be asked for once it is finished. */
  get fresh(): FreshSet | undefined {
    const { contents } = this.#chunks
    return contents && this.#rest && { ...contents, chunk: this.#rest, checksum: this.#checksum }
  }

  /** As it is when it is sealed now. To be asked for once it is finished. */
  get sealed(): Sealed {
    this.#marker ??= encodeMarker(this.#markerOf())
    const keys = [...this.#keys.keys()].filter((key) => key !== undefined)
    return { head: this.#headAs('sealed'), marker: this.#marker, keys }
  }

  #markerOf(): Marker {
    const { namesKeys } = this.#options
    const marked = [...this.#targets].map(([name, { mutations, keys }]): [string, MarkedTarget] => [
      name,
      namesKeys ? { mutations, keys: [...keys] } : { mutations },
    ])
    return { mutations: this.#mutations, targets: Object.fromEntries(marked) }
  }

  #headAs(state: 'open' | 'sealed'): TransactionHead {
    const progress = [...this.#targets].map(
      ([name, { mutations }]): [string, TransactionProgress] => [
        name,
        { state: 'waiting', mutations, applied: 0, attemptedAt: 0 },
      ],
    )
    const times = { openedAt: this.#openedAt, changedAt: this.#options.clock.now() }
    const first = { id: this.id, state, ...times, version: undefined }
    if (state === 'open') {
      const none = { mutations: 0, bytes: 0, chunks: 0, checksum: 0, span: 0, targets: {} }
      return { ...first, ...none, revision: 1 }
    }
    return {
      ...first,
      revision: (this.#head?.revision ?? 0) + 1,
      mutations: this.#mutations,
      bytes: this.#bytes,
      chunks: this.#chunkCount,
      checksum: this.#checksum,
      span: this.#span,
      targets: Object.fromEntries(progress),
    }
  }

  /** Where versions decide there is one, whoever sends the marker, and however late: see decision 21. */
  #versioned({ head, marker, keys }: Sealed): Sealed {
    const { namesKeys, versions } = this.#options
    if (namesKeys) return { head, marker, keys }
    return { head: { ...head, version: versions(keys, head.span) }, marker, keys }
  }

  #add(input: MutationInput): Promise<void> {
    try {
      return this.#taken(input)
    } catch (error) {
      this.#failure ??= { error }
      return refusal(error)
    }
  }

  #taken(input: MutationInput): Promise<void> {
    if (this.#isEnded) throw notOpen(this.id)
    const payload = this.#options.check(input)
    if (this.#last !== undefined || payload instanceof Promise) {
      return this.#inTurn(async () => this.#storeAll(this.#take(input, await payload)))
    }
    const full = this.#take(input, payload)
    return full.length === 0 ? taken : this.#inTurn(() => this.#storeAll(full))
  }

  /** One after the other, in the order of the calls. */
  #inTurn(work: () => Promise<void>): Promise<void> {
    const done = (this.#last ?? taken).then(work)
    const last = done.then(
      () => {},
      (error) => {
        this.#failure ??= { error }
      },
    )
    this.#last = last
    const isOver = (): void => {
      if (this.#last === last) this.#last = undefined
    }
    last.then(isOver)
    return done
  }

  /** Adds the mutation; answers the chunks that are full now. */
  #take(input: MutationInput, payload: unknown): readonly Uint8Array[] {
    if (this.#failure !== undefined) throw this.#failure.error
    const { build, maxMutations, namespace } = this.#options
    const { key, target } = input
    if (this.#mutations === maxMutations) {
      throw tooLarge(namespace, `more than ${maxMutations} mutations (transactions.maxMutations)`)
    }
    const steps = this.#keys.get(key) ?? 0
    const place = { id: this.id, index: this.#mutations, steps }
    const full = this.#chunks.add(build(input, payload, place))
    this.#mutations++
    this.#keys.set(key, steps + 1)
    this.#span = Math.max(this.#span, steps + 1)
    const marked = this.#targets.get(target) ?? { mutations: 0, keys: new Set() }
    this.#targets.set(target, marked)
    marked.mutations++
    if (key !== undefined) marked.keys.add(key)
    for (const chunk of full) this.#count(chunk)
    return full
  }

  #count(chunk: Uint8Array): void {
    const { maxBytes, namespace } = this.#options
    this.#chunkCount++
    this.#bytes += chunk.byteLength
    this.#checksum = crc32(chunk, this.#checksum)
    if (this.#bytes <= maxBytes) return
    throw tooLarge(namespace, `more than ${maxBytes} bytes (transactions.maxBytes)`)
  }

  async #storeAll(chunks: readonly Uint8Array[]): Promise<void> {
    const { store, changes } = this.#options
    for (const chunk of chunks) {
      if (this.#head !== undefined) {
        await store.addChunk(this.id, this.#stored++, chunk)
        continue
      }
      const head = this.#headAs('open')
      if (!(await changes.create(head, [chunk]))) {
        this.#rival = rival(this.id)
        throw this.#rival
      }
      this.#stored = 1
      this.#head = head
    }
  }
}

/** The distance of a mutation's version from the lowest of its key. */
export function versionDistance(steps: number): bigint {
  return BigInt(steps * versionStep)
}

export function tooLarge(namespace: string, what: string): WalError {
  return new WalError(
    'ERR_TRANSACTION_TOO_LARGE',
    `A transaction of namespace '${namespace}' is refused: it has ${what}. Nothing of it is applied; make several of it.`,
  )
}

function rival(id: string): WalError {
  return new WalError(
    'ERR_INVALID_RECORD',
    `There is a transaction ${id} already. Give an id only to try again after 'unknown', with the id of that receipt.`,
  )
}
