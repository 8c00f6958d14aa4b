import type { Clock, Timer } from '../clock.ts'
import { settleSome } from '../settle-some.ts'
import type { HeadChanges } from './head-changes.ts'
import type { Markers } from './markers.ts'
import {
  isUnderWay,
  type TransactionHead,
  type TransactionState,
  type TransactionStore,
} from './transaction-store.ts'

export interface SweeperOptions {
  readonly store: TransactionStore
  readonly changes: HeadChanges
  readonly clock: Clock
  readonly openForMs: number
  readonly keepMs: number
  /** How long the queue hands out what it was sent, in ms; Infinity where it does not tell. */
  readonly handsOutForMs: number
  /** True where this process alone uses the store. */
  readonly isOwn: boolean
  /** True for a transaction that a call in this process is at work on. */
  isActive(id: string): boolean
  /** Notes which markers were sent, and sends those that were left out. */
  readonly markers: Pick<Markers, 'lookAfter' | 'noteAllSent' | 'forgetSent'>
  onError(error: unknown): void
}

const pageSize = 100
/** Each waits for the disk, or for a server, most of the while. Of each a chunk is in memory where its marker is sent again. */
const looksAtOnce = 32
/** Where a note costs more, a transaction that was sealed so short a time ago is left alone, in ms: it may be applied by then. */
const settledForMs = 10_000
/** Ended ones whose marker was sent twice are kept so long, in ms: the second may come late. */
const repeatsForMs = 14 * 86_400_000
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
      await this.#guarded(() => this.#discardOpen())
      await this.#guarded(() => this.#lookAfterMarkers())
    }
    this.#sleep()
  }

  /** Looks after all of them, now. Never rejects. */
  sweep(): Promise<void> {
    this.#sweeping = this.#sweeping.then(async () => {
      await this.#guarded(() => this.#discardOpen())
      await this.#guarded(() => this.#lookAfterMarkers())
      await this.#guarded(() => this.#forget())
    })
    return this.#sweeping
  }

  /** Ends the sweep under way. Where the store is ours, notes what was sent: the next life has to send nothing then. */
  async close(): Promise<void> {
    if (this.#closed) return
    this.#closed = true
    this.#timer?.cancel()
    await this.#sweeping
    // At worst they are sent once more.
    if (this.#options.isOwn) await this.#options.markers.noteAllSent().catch(() => {})
  }

  #sleep(): void {
    if (this.#closed) return
    const { openForMs, keepMs, clock } = this.#options
    const pauseMs = Math.max(1000, Math.min(longestPauseMs, openForMs / 4, keepMs / 4))
    this.#timer = clock.setTimer(pauseMs, () => void this.sweep().then(() => this.#sleep()), {
      unref: true,
    })
  }

  /** What fails is reported, and keeps nothing else from being done. Never rejects. */
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

  async #lookAfterMarkers(): Promise<void> {
    const { clock, handsOutForMs, isOwn, isActive, markers } = this.#options
    const settledBefore = isOwn ? clock.now() : clock.now() - settledForMs
    const changedBefore = isOwn ? Number.POSITIVE_INFINITY : settledBefore
    const lookAfter = async (head: TransactionHead): Promise<void> => {
      if (!isActive(head.id)) await markers.lookAfter(head)
    }
    await this.#each('sealed', changedBefore, lookAfter)
    // A salvaged log may have lost the marker of one that has begun: that says of it that somebody was about to send it.
    if (isOwn) {
      const lookAfterLost = async (head: TransactionHead): Promise<void> => {
        const needsIt = Object.values(head.targets).some(isUnderWay)
        if (needsIt && head.marker?.state === 'sending') await lookAfter(head)
      }
      await this.#each('applying', changedBefore, lookAfterLost)
      await this.#each('parked', changedBefore, lookAfterLost)
    }
    // By then the queue has removed the marker of a target that has not begun.
    if (handsOutForMs < Number.POSITIVE_INFINITY) {
      const removedBefore = clock.now() - handsOutForMs
      await this.#each('applying', removedBefore, lookAfter)
      await this.#each('parked', removedBefore, async (head) => {
        if (Object.values(head.targets).some(isUnderWay)) await lookAfter(head)
      })
    }
    // What was sent before, and was not among these, is sealed no more.
    if (!this.#closed) markers.forgetSent(settledBefore)
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
      await this.#each(state, now - keepMs, async ({ id, changedAt, marker }) => {
        if (marker?.isRepeat && changedAt >= now - repeatsForMs) return
        const isOfNow = !isOwn || changedAt >= this.#openedAt
        if (isOfNow || changedAt < before - keepMs) await store.remove(id)
      })
    }
  }

  /** One head for which it fails is reported, and keeps no other from being looked at. Rejects where they cannot be listed. */
  async #each(
    state: TransactionState,
    changedBefore: number,
    look: (head: TransactionHead) => Promise<void>,
  ): Promise<void> {
    let after: string | undefined
    while (!this.#closed) {
      const heads = await this.#options.store.list({ state, changedBefore, limit: pageSize, after })
      await settleSome(looksAtOnce, heads, (head) => this.#guarded(() => look(head)))
      if (heads.length < pageSize) return
      after = heads.at(-1)?.id
    }
  }
}
