import { sleep } from '../clock.ts'
import { isWalError, WalError } from '../errors.ts'
import type { Receipt } from '../producer/receipt.ts'
import { Markers, type MarkersContext } from './markers.ts'
import { Sweeper } from './sweeper.ts'
import type { BuildTransaction, TransactionOptions, TransactionStatus } from './transaction.ts'
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
  newId(): string
  reportError(error: unknown): void
}

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
    options: TransactionOptions & { readonly timeoutMs?: number | undefined },
  ): Promise<Receipt> {
    const { newId } = this.#context
    const id = options.id ?? newId()
    if (this.#active.has(id)) {
      throw new WalError('ERR_INVALID_RECORD', `Transaction ${id} is under way already.`, {
        retryable: true,
      })
    }
    const running = this.#run(id, build, options)
    this.#active.set(id, running)
    try {
      return await running
    } finally {
      // Nobody may wait for it any more, and it is still being sealed.
      if (this.#active.get(id) === running) this.#active.delete(id)
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

  /** Begins no more, and waits for those under way until the deadline. */
  async idle(longestMs: number): Promise<void> {
    this.#closed = true
    const late = new AbortController()
    const all = Promise.allSettled(this.#active.values())
    await Promise.race([all, sleep(this.#context.clock, longestMs, late.signal)])
    late.abort()
  }

  /** Waits for the sweep under way, and gives up the store. */
  async close(): Promise<void> {
    this.#closed = true
    await this.#sweeper.close()
    await this.#context.store.close()
  }

  async #run(
    id: string,
    build: BuildTransaction<unknown, string, 'none'>,
    {
      timeoutMs = this.#context.timeoutMs,
      signal,
    }: TransactionOptions & { timeoutMs?: number | undefined },
  ): Promise<Receipt> {
    const known = await this.#context.store.get(id)
    if (known !== undefined) return this.#repeated(known)
    const writer = new TransactionWriter({ ...this.#context, id })
    try {
      await Promise.resolve(build(writer))
      await writer.finish()
      this.#markers.check(writer.sealed)
      if (signal?.aborted) throw new WalError('ERR_ABORTED', `Transaction ${id} was aborted.`)
      if (this.#closed) throw closed(this.#context.namespace)
    } catch (error) {
      // Should this fail, the sweeper does it.
      await writer.abandon().catch(() => {})
      throw error
    }
    const sealing = this.#sealAndSend(id, writer)
    this.#active.set(id, sealing)
    void sealing.catch(() => {}).then(() => this.#active.delete(id))
    return this.#inTime(id, sealing, timeoutMs, signal)
  }

  /** The same transaction once more, after nobody knew what had become of it. */
  async #repeated(head: TransactionHead): Promise<Receipt> {
    const { id, state, version = 0n } = head
    if (state === 'open' || state === 'discarded') {
      return receiptOf(id, version, { durable: 'no', error: notOpen(id) })
    }
    if (state !== 'sealed') return { id, version, durable: 'yes' }
    const sent = this.#markers.sentVersion(head)
    if (sent !== undefined) return { id, version: sent, durable: 'yes' }
    const outcome = await this.#markers.sendAgain(head)
    if (outcome === undefined) return this.#asFound(id)
    if (outcome.durable === 'yes') return { id, version: outcome.version, durable: 'yes' }
    throw outcome.error ?? notStored()
  }

  async #sealAndSend(id: string, writer: TransactionWriter): Promise<Receipt> {
    let head: TransactionHead | undefined
    try {
      const sealed = await writer.seal()
      if (sealed !== undefined) return await this.#sendMarker(sealed)
      head = await this.#context.store.get(id)
    } catch (cause) {
      const error = asWalError(cause)
      // After a call that failed this tells for certain what it came to.
      const found = await this.#context.store.get(id).then(
        (now) => ({ now }),
        () => undefined,
      )
      if (found === undefined) return receiptOf(id, 0n, { durable: 'unknown', error })
      head = found.now
      if (head?.state === 'sealed') return this.#sendMarker({ ...writer.sealed, head })
      if (head === undefined || head.state === 'open' || head.state === 'discarded') {
        await writer.abandon().catch(() => {})
        return receiptOf(id, 0n, { durable: 'no', error })
      }
    }
    if (head === undefined) return receiptOf(id, 0n, { durable: 'no', error: notOpen(id) })
    // Another call had the same id.
    return this.#repeated(head)
  }

  async #asFound(id: string): Promise<Receipt> {
    const head = await this.#context.store.get(id)
    if (head !== undefined) return this.#repeated(head)
    return receiptOf(id, 0n, { durable: 'no', error: notOpen(id) })
  }

  async #sendMarker(sealed: Sealed): Promise<Receipt> {
    const { head } = sealed
    const { id } = head
    const { durable, error, version } = await this.#markers.send(sealed)
    if (durable === 'yes') return { id, version, durable }
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

  async #inTime(
    id: string,
    sealing: Promise<Receipt>,
    timeoutMs: number,
    signal: AbortSignal | undefined,
  ): Promise<Receipt> {
    const { clock } = this.#context
    const { promise: late, resolve } = Promise.withResolvers<Receipt>()
    const giveUp = (error: WalError): void =>
      resolve(receiptOf(id, 0n, { durable: 'unknown', error }))
    const timer = clock.setTimer(
      timeoutMs,
      () =>
        giveUp(
          new WalError(
            'ERR_WRITE_TIMEOUT',
            `Transaction ${id} was not sealed within ${timeoutMs} ms.`,
            {
              retryable: true,
            },
          ),
        ),
      { unref: true },
    )
    const abort = (): void =>
      giveUp(
        new WalError('ERR_ABORTED', `Transaction ${id} was aborted while it was being sealed.`),
      )
    signal?.addEventListener('abort', abort, { once: true })
    try {
      return await Promise.race([sealing, late])
    } finally {
      timer.cancel()
      signal?.removeEventListener('abort', abort)
    }
  }
}

function receiptOf(id: string, version: bigint, { durable, error }: Unsealed): Receipt {
  return { id, version, durable, message: error.message, error }
}

function asWalError(cause: unknown): WalError {
  if (isWalError(cause)) return cause
  const why = cause instanceof Error ? cause.message : String(cause)
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
