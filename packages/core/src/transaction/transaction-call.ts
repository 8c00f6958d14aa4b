import type { Clock, Timer } from '../clock.ts'
import { WalError } from '../errors.ts'
import type { Receipt } from '../producer/receipt.ts'

export interface TransactionCallOptions {
  readonly id: string
  /** True if no call before it can have had this id. */
  readonly isNew: boolean
  readonly clock: Clock
  /** For the call as a whole, in ms; undefined: as configured. */
  readonly timeoutMs: number | undefined
  readonly signal: AbortSignal | undefined
  /** As configured: until the set is sealed, and from then on, in ms. */
  readonly openForMs: number
  readonly sealForMs: number
}

/**
 * One call of `transaction`, and how long its caller waits.
 *
 *   gathering ── beginSealing ──▶ sealing: given up, it may be applied all the same
 *   gathering ── time-out, signal or close ──▶ refused: it will never be sealed
 */
export class TransactionCall {
  readonly id: string
  readonly isNew: boolean
  /** What its caller is told once he has waited long enough. */
  readonly givenUp: Promise<Receipt>
  readonly #options: TransactionCallOptions
  readonly #giveUp: (receipt: Receipt) => void
  #isSealing = false
  #refusal: WalError | undefined
  #timer: Timer | undefined

  constructor(options: TransactionCallOptions) {
    const { id, isNew, timeoutMs, openForMs, signal } = options
    const { promise, resolve } = Promise.withResolvers<Receipt>()
    this.#options = options
    this.id = id
    this.isNew = isNew
    this.givenUp = promise
    this.#giveUp = resolve
    signal?.addEventListener('abort', this.#abort, { once: true })
    this.#wait(timeoutMs ?? openForMs)
    if (signal?.aborted) this.#abort()
  }

  /** True once its caller was told that it will not be sealed. */
  get isRefused(): boolean {
    return this.#refusal !== undefined
  }

  /** Throws if its caller has given up: nobody is to be asked for anything more. */
  check(): void {
    if (this.#refusal !== undefined) throw this.#refusal
  }

  /** From here on nobody can tell before its end. Throws if its caller has given up. */
  beginSealing(): void {
    this.check()
    this.#isSealing = true
    if (this.#options.timeoutMs === undefined) this.#wait(this.#options.sealForMs)
  }

  /** It was answered. */
  end(): void {
    this.#timer?.cancel()
    this.#options.signal?.removeEventListener('abort', this.#abort)
  }

  #wait(timeoutMs: number): void {
    this.#timer?.cancel()
    const expire = (): void =>
      this.#end('ERR_WRITE_TIMEOUT', `was not sealed within ${timeoutMs} ms`)
    this.#timer = this.#options.clock.setTimer(timeoutMs, expire)
  }

  /** Its namespace is closed, and waits no longer. */
  close(): void {
    this.#end('ERR_CLOSED', 'had not ended when its namespace was closed')
  }

  readonly #abort = (): void => this.#end('ERR_ABORTED', "was given up by its caller's signal")

  #end(code: 'ERR_WRITE_TIMEOUT' | 'ERR_ABORTED' | 'ERR_CLOSED', what: string): void {
    const { id, isNew } = this.#options
    // Asked for again: the call before this one may be at work on it yet, in another process.
    const durable = this.#isSealing || !isNew ? 'unknown' : 'no'
    const sure = durable === 'no' ? ' Nothing of it will be applied.' : ''
    const retryable = code !== 'ERR_CLOSED'
    const error = new WalError(code, `Transaction ${id} ${what}.${sure}`, { retryable })
    if (!this.#isSealing) this.#refusal ??= error
    this.#giveUp({ id, version: 0n, durable, message: error.message, error })
  }
}
