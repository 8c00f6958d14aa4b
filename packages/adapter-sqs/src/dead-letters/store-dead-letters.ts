import { createHash, randomBytes } from 'node:crypto'
import {
  type DeadLetterPageOptions,
  type DeadLetterQueue,
  type DeadLetterSummary,
  type StoredDeadLetter,
  type StoredDeadLetterPage,
  systemClock,
  WalError,
} from '@daybook/core'
import { type ListingStore, lackingMethod, listingStoreMethods } from '../payload-store.ts'
import { decodeEnvelope, encodeEnvelope } from '../sqs-envelope.ts'
import { matchesFilter } from './matches-filter.ts'

// Two objects for each letter:
//
//   order/<stamp>.<hash of its id>   empty; in the order in which letters were put
//   letters/<hash of its id>         the letter, and its stamp
//
// The first is put before the second and removed after it, so that what is listed can be a name without
// a letter, and never a letter that is not listed. Where two processes put the same letter at once each gives
// it a stamp; the name with the stamp that the letter came to have is the one that counts.

/** How {@link storeDeadLetters} is set up. */
export interface StoreDeadLettersOptions {
  readonly store: ListingStore
  /** What all names begin with, such as `dead-letters/titles/`. Each namespace needs its own. */
  readonly prefix: string
}

/** Letters read at once. */
const readsAtOnce = 16

/**
 * Dead letters in an object store or a shared directory: SQS cannot list what lies in a queue. Listing
 * reads the letters one by one, `get` and `remove` go straight to theirs. Throws `ERR_CONFIG` for options
 * that are wrong.
 */
export function storeDeadLetters(options: StoreDeadLettersOptions): DeadLetterQueue {
  const { store, prefix } = options ?? {}
  const lacking = lackingMethod(store, listingStoreMethods)
  if (lacking !== undefined) throw wrong(`\`store.${lacking}\` must be a function`)
  if (typeof prefix !== 'string') throw wrong('`prefix` must be a text')
  return new StoreDeadLetters(options)
}

interface Filed {
  readonly stamp: string
  readonly letter: StoredDeadLetter
}

class StoreDeadLetters implements DeadLetterQueue {
  readonly #store: ListingStore
  readonly #prefix: string
  /** Puts and removals, one after the other. */
  #last: Promise<unknown> = Promise.resolve()
  #lastMs = 0
  #isClosed = false

  constructor({ store, prefix }: StoreDeadLettersOptions) {
    this.#store = store
    this.#prefix = prefix
  }

  put(letters: readonly StoredDeadLetter[]): Promise<void> {
    return this.#inTurn(async () => {
      for (const letter of letters) await this.#put(letter)
    })
  }

  async list(options: DeadLetterPageOptions): Promise<StoredDeadLetterPage> {
    this.#checkOpen()
    const { limit = 100, after } = options
    if (!Number.isInteger(limit) || limit < 1 || limit > 1_000) {
      throw new WalError('ERR_INVALID_SELECTION', `A page has 1 to 1,000 letters, not ${limit}.`)
    }
    if (after !== undefined && !/^\d{15}-[0-9a-f]{8}\.[\w-]{43}$/.test(after)) {
      throw new WalError('ERR_INVALID_SELECTION', `No page gave '${after}'.`)
    }
    const letters: StoredDeadLetter[] = []
    let last: string | undefined
    for await (const { letter, stamp } of this.#all(after)) {
      if (!matchesFilter(letter, options)) continue
      if (letters.length === limit) return { letters, next: last }
      letters.push(letter)
      last = `${stamp}.${hash(letter.id)}`
    }
    return { letters, next: undefined }
  }

  async get(id: string): Promise<StoredDeadLetter | undefined> {
    this.#checkOpen()
    return (await this.#read(hash(id)))?.letter
  }

  remove(ids: readonly string[]): Promise<number> {
    return this.#inTurn(async () => {
      let removed = 0
      for (const name of new Set(ids.map(hash))) {
        const filed = await this.#read(name)
        if (filed === undefined) continue
        await this.#store.delete(this.#letter(name))
        await this.#store.delete(this.#order(filed.stamp, name))
        removed++
      }
      return removed
    })
  }

  async *summaries(): AsyncIterable<DeadLetterSummary> {
    for await (const { letter } of this.#all(undefined)) {
      const { id, target, record } = letter
      const { id: recordId, key, attemptEpoch, version } = record
      yield { id, recordId, target, key, attemptEpoch, version }
    }
  }

  async count(): Promise<ReadonlyMap<string, number>> {
    const counts = new Map<string, number>()
    for await (const { target } of this.summaries()) {
      counts.set(target, (counts.get(target) ?? 0) + 1)
    }
    return counts
  }

  async close(): Promise<void> {
    this.#isClosed = true
    await this.#last
  }

  async #put(letter: StoredDeadLetter): Promise<void> {
    const name = hash(letter.id)
    const before = await this.#read(name)
    const stamp = before?.stamp ?? this.#stamp()
    await this.#store.put(this.#order(stamp, name), new Uint8Array())
    const { record, ...fields } = letter
    const text = JSON.stringify({ stamp, ...fields, record: encodeEnvelope(record, undefined) })
    await this.#store.put(this.#letter(name), Buffer.from(text))
  }

  async *#all(after: string | undefined): AsyncGenerator<Filed> {
    const prefix = `${this.#prefix}order/`
    let from = after && `${prefix}${after}`
    for (;;) {
      this.#checkOpen()
      const names = await this.#store.list(prefix, from)
      if (names.length === 0) return
      for (let at = 0; at < names.length; at += readsAtOnce) {
        const lot = names.slice(at, at + readsAtOnce)
        const filed = await Promise.all(lot.map((name) => this.#listed(name.slice(prefix.length))))
        for (const one of filed) if (one !== undefined) yield one
      }
      from = names.at(-1)
    }
  }

  /** The letter of `<stamp>.<hash of its id>`, where that is its place in the order. */
  async #listed(place: string): Promise<Filed | undefined> {
    const [stamp, name = ''] = place.split('.')
    const filed = await this.#read(name)
    return filed?.stamp === stamp ? filed : undefined
  }

  async #read(name: string): Promise<Filed | undefined> {
    const bytes = await this.#store.get(this.#letter(name))
    if (bytes === undefined) return undefined
    try {
      const { stamp, record, ...fields } = JSON.parse(Buffer.from(bytes).toString())
      return { stamp, letter: { ...fields, record: decodeEnvelope(record).record } }
    } catch (cause) {
      const message = `The dead letter ${this.#letter(name)} cannot be read.`
      throw new WalError('ERR_UNDECODABLE', message, { cause })
    }
  }

  /** Grows along the puts of this process, and among processes as far as their clocks agree. */
  #stamp(): string {
    this.#lastMs = Math.max(this.#lastMs + 1, Math.floor(systemClock.now()))
    return `${String(this.#lastMs).padStart(15, '0')}-${randomBytes(4).toString('hex')}`
  }

  #letter(name: string): string {
    return `${this.#prefix}letters/${name}`
  }

  #order(stamp: string, name: string): string {
    return `${this.#prefix}order/${stamp}.${name}`
  }

  async #inTurn<T>(work: () => Promise<T>): Promise<T> {
    this.#checkOpen()
    const turn = this.#last.then(work)
    this.#last = turn.catch(() => {})
    return turn
  }

  #checkOpen(): void {
    if (this.#isClosed) throw new WalError('ERR_CLOSED', 'The dead letters are closed.')
  }
}

function hash(id: string): string {
  return createHash('sha256').update(id).digest('base64url')
}

function wrong(what: string): WalError {
  return new WalError('ERR_CONFIG', `storeDeadLetters: ${what}.`)
}
