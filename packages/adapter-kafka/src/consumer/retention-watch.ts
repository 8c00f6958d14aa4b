import type { Clock, Timer } from '@daybook/core'

/** What a watch looks at, and whom it tells. */
export interface RetentionWatchOptions {
  readonly clock: Clock
  /** How long the topic keeps what it is given; Infinity: there is nothing to watch. */
  readonly retentionMs: number
  /** When the topic was given the oldest record that is not done with; undefined without any. */
  oldestStoredAt(): number | undefined
  /** The oldest has waited for so long. Once, until it has waited for less than half of the retention. */
  atRisk(waitedMs: number): void
}

const mostBetweenMs = 60_000

/** A broker removes records by their age alone: this tells, at half of it, of those that still wait. */
export class RetentionWatch {
  readonly #options: RetentionWatchOptions
  #timer: Timer | undefined
  #isAtRisk = false

  constructor(options: RetentionWatchOptions) {
    this.#options = options
  }

  start(): void {
    const { clock, retentionMs } = this.#options
    if (retentionMs === Number.POSITIVE_INFINITY) return
    const betweenMs = Math.max(100, Math.min(mostBetweenMs, retentionMs / 20))
    this.#timer = clock.setTimer(
      betweenMs,
      () => {
        this.start()
        this.#look()
      },
      { unref: true },
    )
  }

  stop(): void {
    this.#timer?.cancel()
  }

  #look(): void {
    const { clock, retentionMs } = this.#options
    const now = clock.now()
    const waitedMs = now - (this.#options.oldestStoredAt() ?? now)
    const wasAtRisk = this.#isAtRisk
    this.#isAtRisk = waitedMs >= retentionMs / 2
    if (this.#isAtRisk && !wasAtRisk) this.#options.atRisk(waitedMs)
  }
}
