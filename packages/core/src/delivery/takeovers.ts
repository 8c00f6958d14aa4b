import type { Consumer } from '../consumer/consumer.ts'
import { type DeadLetterQueue, type DeadLetterSummary, deadLetterId } from '../dlq/dlq.ts'
import type { WalErrorCode } from '../errors.ts'
import type { Alarms } from './alarms.ts'
import type { Blockers } from './blockers.ts'

export interface TakeoversOptions {
  readonly targetName: string
  readonly consumer: Consumer
  readonly deadLetters: DeadLetterQueue | undefined
  readonly blockers: Blockers
  readonly alarms: Alarms
  /** True while the letter is being removed: it holds nothing any more. */
  isRemoving(letterId: string): boolean
  /** A key waits now for a letter of another process. */
  held(key: string): void
  /** Resolves once those letters have gone, or stay, whose copies have lost their leases. */
  removed(): Promise<unknown>
  /** Wait before the dead letters are read again, in ms. */
  backoffMs(failures: number): number
  report(code: WalErrorCode, what: string, cause: unknown): void
}

/**
 * Learns which keys wait for a letter of another process when the consumer is given what that one delivered
 * from, before any of it is taken into the lanes. `LetterWatch` tells which wait no more.
 */
export class Takeovers {
  readonly #options: TakeoversOptions
  #known: number | undefined

  constructor(options: TakeoversOptions) {
    this.#options = options
    this.#known = options.consumer.takeovers
  }

  /**
   * Resolves once the letters are known of all that was taken over, or the signal aborts; undefined where they are.
   * Never rejects.
   */
  learn(signal: AbortSignal): Promise<void> | undefined {
    return this.#options.consumer.takeovers === this.#known ? undefined : this.#learn(signal)
  }

  async #learn(signal: AbortSignal): Promise<void> {
    const { consumer, targetName, removed, backoffMs, report } = this.#options
    for (let failures = 1; consumer.takeovers !== this.#known && !signal.aborted; failures++) {
      const { takeovers } = consumer
      try {
        // The lease of a letter's copy may be among those lost: the copy comes again, and its letter holds its key.
        await untilAborted(removed(), signal)
        if (!signal.aborted) await untilAborted(this.#read(), signal)
        if (!signal.aborted) this.#known = takeovers
      } catch (error) {
        const what = `The dead letters of '${targetName}' could not be read, and what was taken over from another process waits for that`
        report('ERR_IO', what, error)
        await this.#pause(backoffMs(failures), signal)
      }
    }
  }

  async #read(): Promise<void> {
    const { blockers, deadLetters, targetName, held, isRemoving } = this.#options
    if (!blockers.blocks || deadLetters?.supports?.listing === false) return
    const found: DeadLetterSummary[] = []
    const dealtWith = blockers.watchRemovals()
    try {
      for await (const summary of deadLetters?.summaries() ?? []) {
        if (summary.target === targetName && !isRemoving(summary.id)) found.push(summary)
      }
      for (const summary of found) {
        const { recordId: id, key, attemptEpoch } = summary
        const isGone =
          dealtWith.ids.has(id) || isRemoving(deadLetterId({ id, attemptEpoch }, targetName))
        if (isGone || key === undefined || blockers.knows(summary)) continue
        blockers.addSummary(summary)
        held(key)
      }
    } finally {
      dealtWith.end()
    }
  }

  #pause(delayMs: number, signal: AbortSignal): Promise<void> {
    return new Promise((resolve) => {
      const done = (): void => {
        alarm.cancel()
        signal.removeEventListener('abort', done)
        resolve()
      }
      const alarm = this.#options.alarms.set(delayMs, done)
      signal.addEventListener('abort', done, { once: true })
    })
  }
}

/** Resolves or rejects as the work does, or resolves once the signal aborts. */
function untilAborted(work: Promise<unknown>, signal: AbortSignal): Promise<unknown> {
  const { promise: aborted, resolve } = Promise.withResolvers<void>()
  const stop = (): void => resolve()
  signal.addEventListener('abort', stop, { once: true })
  if (signal.aborted) stop()
  return Promise.race([work, aborted]).finally(() => signal.removeEventListener('abort', stop))
}
