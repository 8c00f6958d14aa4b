import type { Consumer, Delivery } from '../consumer/consumer.ts'
import type { WalErrorCode } from '../errors.ts'
import type { Alarms } from './alarms.ts'
import type { Blockers } from './blockers.ts'

export interface CopySearchOptions {
  readonly targetName: string
  readonly consumer: Consumer
  readonly blockers: Blockers
  readonly alarms: Alarms
  /** True while nothing is pulled because what is held has reached its bound. */
  isFull(): boolean
  accept(deliveries: readonly Delivery[]): void
  report(code: WalErrorCode, what: string, cause: unknown): void
}

/** Wait before the queue is looked through again, in ms. */
const againMs = 1000

/**
 * Looks for the redriven copies of letters that hold their keys, where pulling cannot bring them:
 * a copy stands at the end of the queue, and the records that wait for it may be more than may be
 * held. It is taken out of there, before its turn.
 */
export class CopySearch {
  readonly #options: CopySearchOptions
  readonly #stop = new AbortController()
  #running: Promise<void> | undefined
  #waits = false

  constructor(options: CopySearchOptions) {
    this.#options = options
  }

  /** True while a copy may be found that pulling does not bring. */
  get isNeeded(): boolean {
    const { consumer, blockers, isFull } = this.#options
    if (consumer.pullAhead === undefined || !isFull()) return false
    return blockers.expects || blockers.mayExpect
  }

  /** What is held, or what is awaited, has changed. */
  changed(): void {
    if (this.isNeeded && !this.#waits) void this.run()
  }

  /**
   * Looks through the whole queue, where it offers that: then it is known of each letter whether a
   * copy is on its way. Calls made meanwhile share the answer. Never rejects.
   */
  run(): Promise<void> {
    this.#running ??= this.#search().finally(() => {
      this.#running = undefined
      this.#comeBack()
    })
    return this.#running
  }

  /** Resolves once nothing is being looked for and nothing will be. */
  async stop(): Promise<void> {
    this.#stop.abort()
    await this.#running
  }

  async #search(): Promise<void> {
    const { consumer, blockers, targetName, accept, report } = this.#options
    const { signal } = this.#stop
    if (signal.aborted || consumer.pullAhead === undefined) return
    // Of what is redriven meanwhile nothing is known afterwards.
    const doubtful = blockers.doubtful()
    try {
      const found = await consumer.pullAhead({
        wanted: (record) => record.target === targetName && blockers.awaits(record),
        signal,
      })
      if (found.length > 0) accept(found)
      if (!signal.aborted) blockers.notFound(doubtful)
    } catch (error) {
      if (signal.aborted) return
      report('ERR_IO', 'The queue could not be looked through for redriven records', error)
    }
  }

  /** Not at once, for what was not found then would not be found now. */
  #comeBack(): void {
    const { alarms } = this.#options
    if (this.#waits) return
    this.#waits = true
    alarms.set(againMs, () => {
      this.#waits = false
      this.changed()
    })
  }
}
