import type { Clock, Timer } from '@daybook/core'

interface Unanswered {
  readonly since: number
  reject(reason: unknown): void
}

/**
 * Gives a server up that leaves a command unanswered for too long. The idle timer of its socket does not
 * see that: each command that is written starts it anew, though nothing comes back.
 */
export class AnswerDeadline {
  readonly #clock: Clock
  readonly #longestMs: number
  /** Called once for each time; answers what those who wait are told. */
  readonly #giveUp: () => unknown
  /** In the order in which they were sent, and are answered. */
  readonly #unanswered = new Set<Unanswered>()
  #timer: Timer | undefined

  constructor(clock: Clock, longestMs: number, giveUp: () => unknown) {
    this.#clock = clock
    this.#longestMs = longestMs
    this.#giveUp = giveUp
  }

  /** Settles as the answer does, or rejects once the server is given up. */
  heed<T>(answer: Promise<T>): Promise<T> {
    return new Promise((resolve, reject) => {
      const command = { since: this.#clock.monotonic(), reject }
      this.#unanswered.add(command)
      if (this.#timer === undefined) this.#lookIn(this.#longestMs)
      const settled = (): void => void this.#unanswered.delete(command)
      answer.then(resolve, reject).finally(settled)
    })
  }

  #lookIn(delayMs: number): void {
    this.#timer = this.#clock.setTimer(delayMs, () => this.#look(), { unref: true })
  }

  #look(): void {
    this.#timer = undefined
    const [oldest] = this.#unanswered
    if (oldest === undefined) return
    const leftMs = oldest.since + this.#longestMs - this.#clock.monotonic()
    if (leftMs > 0) {
      this.#lookIn(leftMs)
      return
    }
    const all = [...this.#unanswered]
    this.#unanswered.clear()
    const reason = this.#giveUp()
    for (const { reject } of all) reject(reason)
  }
}
