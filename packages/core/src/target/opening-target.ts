import { type Clock, sleep } from '../clock.ts'
import { WalError } from '../errors.ts'
import type { WalRecord } from '../record.ts'
import type { ApplyContext, Outcome, Target } from './target.ts'

/**
 * A target that is opened before it is used. Until it is open it is unavailable, as in any other
 * outage: delivery to it pauses, and every probe has it opened again if that failed. So a store that
 * is down when a service starts holds up neither the service nor its other targets.
 *
 * States: new → opening → open; a failure to open leads back to new.
 */
export class OpeningTarget implements Target {
  readonly idempotency: Target['idempotency']
  readonly ops: Target['ops']
  readonly appliesInOrder: Target['appliesInOrder']
  readonly largestBatch: Target['largestBatch']
  /** Only where the target has one: the breaker asks a record otherwise. */
  readonly health?: NonNullable<Target['health']>
  readonly #name: string
  readonly #target: Target
  /** Settles, and never rejects, when an attempt to open it is over; undefined while new. */
  #opening: Promise<void> | undefined
  #isOpen = false
  #failure: unknown

  constructor(name: string, target: Target) {
    this.#name = name
    this.#target = target
    this.idempotency = target.idempotency
    this.ops = target.ops
    this.appliesInOrder = target.appliesInOrder
    this.largestBatch = target.largestBatch
    if (target.health === undefined) return
    this.health = async (options) => {
      this.#useOrThrow()
      await target.health?.(options)
    }
  }

  /** Opens it, and waits for that at most so long, or until the signal aborts. Never rejects. */
  async ready(clock: Clock, longestMs: number, signal?: AbortSignal): Promise<void> {
    const open = new AbortController()
    const ends = signal ? AbortSignal.any([open.signal, signal]) : open.signal
    await Promise.race([this.#open(), sleep(clock, longestMs, ends)])
    open.abort()
  }

  async apply(
    records: readonly WalRecord[],
    context: ApplyContext,
  ): Promise<readonly Outcome[] | undefined | void> {
    this.#useOrThrow()
    return this.#target.apply(records, context)
  }

  /** Closes it if it was opened, waiting for an opening under way. */
  async close(): Promise<void> {
    await this.#opening
    if (this.#isOpen) await this.#target.close?.()
  }

  #open(): Promise<void> {
    this.#opening ??= this.#tryToOpen()
    return this.#opening
  }

  async #tryToOpen(): Promise<void> {
    try {
      await this.#target.open?.()
      this.#isOpen = true
    } catch (error) {
      this.#failure = error
      this.#opening = undefined
    }
  }

  /** Throws while it is not open: an apply must not wait for it, as its time would be up meanwhile. */
  #useOrThrow(): void {
    if (this.#isOpen) return
    const { message = 'it is still being opened' } = (this.#failure ?? {}) as Partial<Error>
    void this.#open()
    throw new WalError('ERR_UNAVAILABLE', `Target '${this.#name}' is not open: ${message}`, {
      cause: this.#failure,
      retryable: true,
    })
  }
}
