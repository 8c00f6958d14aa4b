import type { Clock, Timer } from '../clock.ts'
import type { HeadChanges } from './head-changes.ts'
import type { TransactionHead, TransactionState, TransactionStore } from './transaction-store.ts'

export interface SweeperOptions {
  readonly store: TransactionStore
  readonly changes: HeadChanges
  readonly clock: Clock
  readonly openForMs: number
  readonly keepMs: number
  /** True where this process alone uses the store. */
  readonly isOwn: boolean
  /** True for a transaction that a call in this process is at work on. */
  isActive(id: string): boolean
  /** Sends a marker for a transaction that may have none in the queue. */
  sendMarker(head: TransactionHead): Promise<void>
  onError(error: unknown): void
}

/** Looked at at a time. */
const pageSize = 100
/** Where others may be about to send it, a marker is sent once its transaction has been sealed so long, in ms. */
const sealedForMs = 60_000
const longestPauseMs = 60_000

/**
 * Looks after transactions that nobody else does: discards those that stay open, sends markers that a
 * crash has left out, and forgets those that ended long ago.
 */
export class Sweeper {
  readonly #options: SweeperOptions
  readonly #openedAt: number
  /** When the last transaction of earlier lives ended; undefined until it was looked for. */
  #endOfBefore: number | undefined
  #timer: Timer | undefined
  #sweeping: Promise<void> = Promise.resolve()
  #closed = false

  constructor(options: SweeperOptions) {
    this.#options = options
    this.#openedAt = options.clock.now()
  }

  /** What has to be done before anything is written: where the store is ours alone, nobody else will. */
  async begin(): Promise<void> {
    if (this.#options.isOwn) {
      await this.#guarded(async () => {
        await this.#discardOpen()
        await this.#sendMarkers()
      })
    }
    this.#sleep()
  }

  /** Looks after all of them, now. Never rejects. */
  sweep(): Promise<void> {
    this.#sweeping = this.#sweeping.then(() =>
      this.#guarded(async () => {
        await this.#discardOpen()
        await this.#sendMarkers()
        await this.#forget()
      }),
    )
    return this.#sweeping
  }

  async close(): Promise<void> {
    this.#closed = true
    this.#timer?.cancel()
    await this.#sweeping
  }

  #sleep(): void {
    if (this.#closed) return
    const { openForMs, keepMs, clock } = this.#options
    const pauseMs = Math.max(1000, Math.min(longestPauseMs, openForMs / 4, keepMs / 4))
    this.#timer = clock.setTimer(pauseMs, () => void this.sweep().then(() => this.#sleep()), {
      unref: true,
    })
  }

  async #guarded(work: () => Promise<void>): Promise<void> {
    if (this.#closed) return
    try {
      await work()
    } catch (error) {
      if (!this.#closed) this.#options.onError(error)
    }
  }

  async #discardOpen(): Promise<void> {
    const { clock, openForMs, isOwn, isActive, changes } = this.#options
    // None of an earlier life can be sealed any more.
    const changedBefore = isOwn ? Number.POSITIVE_INFINITY : clock.now() - openForMs
    await this.#each('open', changedBefore, async (head) => {
      if (isActive(head.id) && head.openedAt > clock.now() - openForMs) return
      // If it is not discarded, its writer was faster and has sealed it.
      await changes.put(head, { state: 'discarded' })
    })
  }

  async #sendMarkers(): Promise<void> {
    const { clock, isOwn, isActive, sendMarker, onError } = this.#options
    const changedBefore = isOwn ? Number.POSITIVE_INFINITY : clock.now() - sealedForMs
    await this.#each('sealed', changedBefore, async (head) => {
      // One that cannot be sent now keeps no other from it.
      if (!isActive(head.id)) await sendMarker(head).catch(onError)
    })
  }

  /**
   * A marker that comes again after a power cut must find its head. Where the store is ours that can only be one of
   * a transaction that ended shortly before an earlier life did: those stay until a later life has ended later.
   */
  async #forget(): Promise<void> {
    const { clock, keepMs, isOwn, store } = this.#options
    const now = clock.now()
    const ended = ['applied', 'discarded'] as const
    if (isOwn && this.#endOfBefore === undefined) {
      let end = 0
      for (const state of ended) {
        await this.#each(state, this.#openedAt, async ({ changedAt }) => {
          end = Math.max(end, changedAt)
        })
      }
      this.#endOfBefore = end
    }
    const before = this.#endOfBefore ?? now
    for (const state of ended) {
      await this.#each(state, now - keepMs, async ({ id, changedAt }) => {
        const isOfNow = !isOwn || changedAt >= this.#openedAt
        if (isOfNow || changedAt < before - keepMs) await store.remove(id)
      })
    }
  }

  async #each(
    state: TransactionState,
    changedBefore: number,
    look: (head: TransactionHead) => Promise<void>,
  ): Promise<void> {
    let after: string | undefined
    while (!this.#closed) {
      const heads = await this.#options.store.list({ state, changedBefore, limit: pageSize, after })
      for (const head of heads) if (!this.#closed) await look(head)
      if (heads.length < pageSize) return
      after = heads.at(-1)?.id
    }
  }
}
