import { sleep } from '../clock.ts'
import { reasonOf } from '../error-text.ts'
import { isWalError, WalError } from '../errors.ts'
import type { Receipt } from '../producer/receipt.ts'
import { timeOfId } from '../record-id.ts'
import type { FreshSet, FreshSets } from './fresh-sets.ts'
import { Markers, type MarkersContext } from './markers.ts'
import { Sweeper } from './sweeper.ts'
import type { BuildTransaction, TransactionOptions, TransactionStatus } from './transaction.ts'
import { TransactionCall } from './transaction-call.ts'
import { notOpen } from './transaction-errors.ts'
import type { TransactionHead } from './transaction-store.ts'
import {
  type Sealed,
  TransactionWriter,
  type TransactionWriterOptions,
} from './transaction-writer.ts'

export interface TransactionsContext
  extends MarkersContext,
    Pick<TransactionWriterOptions, 'maxMutations' | 'maxBytes' | 'check' | 'build'> {
  readonly openForMs: number
  readonly keepMs: number
  /** The time-out of calls that bring none of their own, in ms. */
  readonly timeoutMs: number
  /** Where what is sealed here is applied here. */
  readonly fresh?: FreshSets | undefined
  newId(): string
  reportError(error: unknown): void
}

/** The clock by which an id was made and the one by which its head is forgotten may differ by so much, in ms. */
const clocksDifferMs = 600_000

/** What became of a transaction that is not certain to be applied. */
interface Unsealed {
  readonly durable: 'no' | 'unknown'
  readonly error: WalError
}

/** The transactions of a namespace: begins them, seals them, and looks after those that are left alone. */
export class Transactions {
  readonly #context: TransactionsContext
  readonly #markers: Markers
  readonly #sweeper: Sweeper
  /** Those that a call here is at work on. */
  readonly #active = new Map<string, Promise<unknown>>()
  /** Those whose callers wait. */
  readonly #calls = new Set<TransactionCall>()
  #closed = false

  constructor(context: TransactionsContext) {
    this.#context = context
    this.#markers = new Markers(context)
    this.#sweeper = new Sweeper({
      ...context,
      isOwn: context.ownsStore,
      isActive: (id) => this.#active.has(id),
      markers: this.#markers,
      onError: (error) => context.reportError(error),
    })
  }

  /** Before the first write is taken. */
  begin(): Promise<void> {
    return this.#sweeper.begin()
  }

  /** Looks now for what crashes have left; otherwise that is done every minute. */
  sweep(): Promise<void> {
    return this.#sweeper.sweep()
  }

  /** Rejects if a mutation is refused, or with what `build` throws; every other outcome is a receipt. */
  async run(
    build: BuildTransaction<unknown, string, 'none'>,
    options: Pick<TransactionOptions, 'id' | 'signal'> & {
      readonly timeoutMs?: number | undefined
    },
  ): Promise<Receipt> {
    const { newId, clock, openForMs, timeoutMs: sealForMs } = this.#context
    const { id = newId(), timeoutMs, signal } = options
    if (this.#active.has(id)) {
      throw new WalError('ERR_INVALID_RECORD', `Transaction ${id} is under way already.`, {
        retryable: true,
      })
    }
    const call = new TransactionCall({
      ...{ id, isNew: options.id === undefined, clock, timeoutMs, signal, openForMs, sealForMs },
    })
    this.#calls.add(call)
    const writer = new TransactionWriter({ ...this.#context, id })
    const working = this.#work(call, writer, build)
    // Nobody may wait for it any more, and it is still being sealed.
    this.#keepActive(id, working)
    try {
      return await Promise.race([call.givenUp, working])
    } finally {
      call.end()
      this.#calls.delete(call)
      // Its build may never end.
      if (call.isRefused) this.#keepActive(id, writer.abandon())
    }
  }

  async status(id: string): Promise<TransactionStatus | undefined> {
    const head = await this.#context.store.get(id)
    if (head === undefined) return undefined
    const { state, openedAt, changedAt, mutations, bytes } = head
    const targets = Object.entries(head.targets).map(
      ([name, { attemptedAt: _, ...progress }]) => [name, progress] as const,
    )
    return {
      id,
      state,
      openedAt,
      changedAt,
      mutations,
      bytes,
      targets: Object.fromEntries(targets),
    }
  }

  /** Begins no more, and waits for those under way until the deadline. Then it answers those who wait yet. */
  async idle(longestMs: number): Promise<void> {
    this.#closed = true
    const late = new AbortController()
    const all = Promise.allSettled(this.#active.values()).then(() => true)
    const isIdle = await Promise.race([all, sleep(this.#context.clock, longestMs, late.signal)])
    late.abort()
    if (isIdle) return
    for (const call of this.#calls) call.close()
  }

  /** Waits for the sweep under way, and gives up the store. */
  async close(): Promise<void> {
    this.#closed = true
    this.#context.fresh?.close()
    await this.#sweeper.close()
    await this.#context.store.close()
  }

  #keepActive(id: string, work: Promise<unknown>): void {
    this.#active.set(id, work)
    const end = (): void => {
      if (this.#active.get(id) === work) this.#active.delete(id)
    }
    work.then(end, end)
  }

  async #work(
    call: TransactionCall,
    writer: TransactionWriter,
    build: BuildTransaction<unknown, string, 'none'>,
  ): Promise<Receipt> {
    const { id, isNew } = call
    const known = isNew ? undefined : await this.#asFound(id)
    if (known !== undefined) return known
    if (this.#mayBeForgotten(call)) return tooOld(id)
    try {
      call.check()
      await build(writer)
      await writer.finish()
      this.#markers.check(writer.sealed)
      if (this.#closed) throw closed(this.#context.namespace)
      call.beginSealing()
    } catch (error) {
      // Should this fail, the sweeper does it.
      await writer.abandon().catch(() => {})
      if (!writer.isTaken(error)) throw error
      return (await this.#asFound(id)) ?? noneOf(id)
    }
    // The call before may have sealed it during a long build, and it may have ended and been forgotten since.
    if (this.#mayBeForgotten(call)) {
      await writer.abandon().catch(() => {})
      return tooOld(id)
    }
    return this.#sealAndSend(id, writer)
  }

  /** True where no head does not mean that nothing of it was applied. An id that tells no time is taken at its word. */
  #mayBeForgotten({ id, isNew }: TransactionCall): boolean {
    const { clock, keepMs } = this.#context
    const madeAt = isNew ? undefined : timeOfId(id)
    if (madeAt === undefined) return false
    return clock.now() - madeAt >= keepMs - Math.min(keepMs / 2, clocksDifferMs)
  }

  /** The same transaction once more, after nobody knew what had become of it. Undefined if there is none. */
  async #asFound(id: string): Promise<Receipt | undefined> {
    try {
      const head = await this.#context.store.get(id)
      return head && (await this.#repeated(head))
    } catch (cause) {
      return receiptOf(id, 0n, { durable: 'unknown', error: asWalError(cause) })
    }
  }

  /** Rejects where the store fails. */
  async #repeated(head: TransactionHead): Promise<Receipt> {
    const { id, state, version = 0n } = head
    if (isTakenBack(head)) return noneOf(id)
    if (state === 'open') return this.#context.ownsStore ? noneOf(id) : openElsewhere(id)
    if (state !== 'sealed') return { id, version, durable: 'yes' }
    const sent = this.#markers.sentVersion(head)
    if (sent !== undefined) return { id, version: sent, durable: 'yes' }
    const outcome = await this.#markers.sendAgain(head)
    if (outcome === undefined) return (await this.#asFound(id)) ?? noneOf(id)
    const { durable, error = notStored(), version: own } = outcome
    // Others see to it that a marker is sent, and versions decide on their queues.
    if (durable === 'yes' || !this.#context.namesKeys) return { id, version: own, durable: 'yes' }
    // An earlier marker may be in the queue all the same.
    return receiptOf(id, own, { durable: 'unknown', error })
  }

  async #sealAndSend(id: string, writer: TransactionWriter): Promise<Receipt> {
    try {
      const sealed = await writer.seal()
      if (sealed !== undefined) return await this.#sendMarker(sealed, writer.fresh)
    } catch (cause) {
      const error = asWalError(cause)
      // After a call that failed this tells for certain what it came to.
      const found = await this.#context.store.get(id).then(
        (head) => ({ head }),
        () => undefined,
      )
      if (found === undefined) return receiptOf(id, 0n, { durable: 'unknown', error })
      const { head } = found
      if (head?.state === 'sealed') return this.#sendMarker({ ...writer.sealed, head })
      if (head === undefined || head.state === 'open' || isTakenBack(head)) {
        await writer.abandon().catch(() => {})
        return receiptOf(id, 0n, { durable: 'no', error })
      }
    }
    // Another call had the same id.
    return (await this.#asFound(id)) ?? noneOf(id)
  }

  async #sendMarker(sealed: Sealed, set?: FreshSet): Promise<Receipt> {
    const { head } = sealed
    const { id } = head
    const { fresh } = this.#context
    if (set !== undefined) fresh?.add(id, set)
    const { durable, error, version } = await this.#markers.send(sealed)
    if (durable === 'yes') return { id, version, durable }
    fresh?.delete(id)
    const why = error ?? notStored()
    // Others see to it that a marker is sent, and versions decide on their queues.
    if (!this.#context.namesKeys) return { id, version, durable: 'yes' }
    if (durable === 'unknown') return receiptOf(id, version, { durable, error: why })
    return receiptOf(id, version, await this.#takeBack(head, why))
  }

  /** Nothing of it can have been applied: no marker is in the queue. */
  async #takeBack(head: TransactionHead, error: WalError): Promise<Unsealed> {
    try {
      const put = await this.#context.changes.put(head, { state: 'discarded' })
      return { durable: put === undefined ? 'unknown' : 'no', error }
    } catch {
      const now = await this.#context.store.get(head.id).catch(() => undefined)
      return { durable: now?.state === 'discarded' ? 'no' : 'unknown', error }
    }
  }
}

/** Its seal was taken back, or it had none. Where a target has begun or refused it, it was sealed, and discarded as a dead letter. */
function isTakenBack({ state, targets }: TransactionHead): boolean {
  return state === 'discarded' && Object.values(targets).every((one) => one.state === 'waiting')
}

function receiptOf(id: string, version: bigint, { durable, error }: Unsealed): Receipt {
  return { id, version, durable, message: error.message, error }
}

function noneOf(id: string): Receipt {
  return receiptOf(id, 0n, { durable: 'no', error: notOpen(id) })
}

function tooOld(id: string): Receipt {
  const message =
    `Transaction ${id} is not known, and its id is so old that it may have been applied and forgotten since (transactions.keep). ` +
    'Look at the targets; where it was not applied, begin a new one, without an id.'
  const error = new WalError('ERR_NOT_DURABLE', message)
  return receiptOf(id, 0n, { durable: 'unknown', error })
}

/** The call before may be about to seal it, in another process. */
function openElsewhere(id: string): Receipt {
  const message = `Transaction ${id} is open yet: a call in another process may be about to seal it.`
  const error = new WalError('ERR_NOT_DURABLE', message, { retryable: true })
  return receiptOf(id, 0n, { durable: 'unknown', error })
}

function asWalError(cause: unknown): WalError {
  if (isWalError(cause)) return cause
  const why = reasonOf(cause)
  return new WalError('ERR_IO', `The store of transactions failed: ${why}`, {
    cause,
    retryable: true,
  })
}

function notStored(): WalError {
  return new WalError('ERR_NOT_DURABLE', 'The queue gave no reason.')
}

function closed(namespace: string): WalError {
  return new WalError('ERR_CLOSED', `Namespace '${namespace}' is closed.`)
}
