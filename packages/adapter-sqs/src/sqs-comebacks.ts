import type { Clock } from '@daybook/core'

/** From the end of a visibility to the message's being handed out, in ms. */
export const settlingMs = 2_000

/**
 * Until when something may still come that failed in this process: a message that could not be copied, moved or
 * read comes again when its visibility is over, and may fail again; and while receives fail nothing comes. A drain must not take the silence until then for the end
 * of the queue. Of what fails in other processes nothing is known here.
 */
export class Comebacks {
  readonly #clock: Clock
  readonly #visibilityMs: number
  /** By the monotonic clock. */
  #until = Number.NEGATIVE_INFINITY

  constructor(clock: Clock, visibilityMs: number) {
    this.#clock = clock
    this.#visibilityMs = visibilityMs
  }

  /** A message was left whose visibility runs out then, by the monotonic clock. Within another one it has come. */
  await(expiresAt: number): void {
    this.#until = Math.max(this.#until, expiresAt + this.#visibilityMs + settlingMs)
  }

  /** A receive failed: what lies in the queue shows only after one that does not. */
  awaitReceive(): void {
    this.await(this.#clock.monotonic())
  }

  get areAwaited(): boolean {
    return this.#clock.monotonic() < this.#until
  }
}
