import type { Random } from '@daybook/core'
import { refuse } from './sqs-refusal.ts'

/**
 * How often the model does what the service may do at any time, and does seldom. Each is a share, from 0 to
 * 1; default 0. A few hundredths bring every combination about in some thousand calls, and leave a program that can
 * live with them enough to finish.
 */
export interface SqsTroublesOptions {
  /** Where all of it comes from: of the same seed, the same troubles. */
  readonly random: Random
  /**
   * Messages of a standard queue that come once more: while the first receiver still holds them, or after they
   * were deleted. Source: "at-least-once delivery" in the service's manual.
   */
  readonly repeated?: number | undefined
  /** They come again no later than so many ms after their receive. Default: while they would have been hidden. */
  readonly repeatedWithinMs?: number | undefined
  /**
   * Receives of a standard queue that bring its messages in any order, and of a FIFO queue that bring those of
   * several groups in the order of all, before a group is through. Sources: "standard queues" in the manual, which calls the
   * order best effort, and "FIFO queue delivery logic", by which the service only tries to fill a receive from one group.
   */
  readonly disordered?: number | undefined
  /**
   * Receives of a standard queue that bring only some of what is there, and none where they do not wait. Source:
   * "short and long polling" in the manual. A FIFO queue gives as many of a group as it can.
   */
  readonly sampled?: number | undefined
  /** Entries of a batch that fail by themselves: by the service's fault, or because they are throttled. */
  readonly failedEntries?: number | undefined
  /** Calls that are throttled as a whole. */
  readonly throttledCalls?: number | undefined
}

/** The troubles of a model, drawn one after the other. */
export class SqsTroubles {
  readonly #options: SqsTroublesOptions
  /** How many messages came, or will come, once more than they had to. */
  repeated = 0

  constructor(options: SqsTroublesOptions) {
    this.#options = options
  }

  /** Throws where the call is throttled. */
  throttle(): void {
    const { throttledCalls } = this.#options
    if (this.#happens(throttledCalls)) throw refuse('RequestThrottled', 'The rate is exceeded')
  }

  /** Throws where the entry fails by itself. Nothing has been done for it. */
  failEntry(): void {
    if (!this.#happens(this.#options.failedEntries)) return
    const isSender = this.#happens(0.5)
    const name = isSender ? 'RequestThrottled' : 'InternalError'
    throw Object.assign(refuse(name, 'Try again'), { $fault: isSender ? 'client' : 'server' })
  }

  /** Whether a message comes once more. */
  repeats(): boolean {
    const happens = this.#happens(this.#options.repeated)
    if (happens) this.repeated++
    return happens
  }

  /** How many ms later it does so, of those for which it would be hidden. */
  within(visibilityMs: number): number {
    const { random, repeatedWithinMs = visibilityMs } = this.#options
    return Math.floor(random.next() * Math.min(visibilityMs, repeatedWithinMs))
  }

  /** What one receive finds first among the messages of a standard queue. */
  found<T>(messages: readonly T[]): readonly T[] {
    if (!this.#happens(this.#options.disordered)) return messages
    const drawn = messages.map((message) => ({ message, place: this.#options.random.next() }))
    return drawn.toSorted((a, b) => a.place - b.place).map(({ message }) => message)
  }

  /** Whether one receive of a FIFO queue takes its groups as they come. */
  mixes(): boolean {
    return this.#happens(this.#options.disordered)
  }

  /** How many messages one receive brings of those it might. */
  brought(count: number, waits: boolean): number {
    if (count === 0 || !this.#happens(this.#options.sampled)) return count
    const least = waits ? 1 : 0
    return least + Math.floor(this.#options.random.next() * (count - least + 1))
  }

  #happens(share = 0): boolean {
    return share > 0 && this.#options.random.next() < share
  }
}
