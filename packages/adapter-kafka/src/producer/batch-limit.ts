import type { Clock } from '@daybook/core'

/** What a limit is made of. */
export interface BatchLimitOptions {
  readonly clock: Clock
  /** Most bytes of a batch, as asked for. */
  readonly batchBytes: number
  /** As many as the topic takes now, by its settings. */
  largestBatch(): Promise<number>
}

/** From a refusal, or from a look at the topic's settings, to the next look, in ms. */
const betweenLooksMs = 10_000

/** The same where the topic has refused again and again what its settings allow. */
const longestBetweenLooksMs = 600_000

/**
 * Most bytes of a batch into one partition: as many as were asked for, until the topic refuses one for its size. They are
 * halved then, until it takes them, and grow again once its settings allow more. Larger ones are not simply tried: what is
 * in a batch that is refused has to be written again.
 */
export class BatchLimit {
  readonly #options: BatchLimitOptions
  #bytes: number
  #nextLookAt = 0
  #betweenLooksMs = betweenLooksMs
  #isLooking = false
  /** What the settings said last. */
  #told: number | undefined
  /** Since it was refused last. */
  #hasGrown = false

  constructor(options: BatchLimitOptions) {
    this.#options = options
    this.#bytes = options.batchBytes
  }

  get bytes(): number {
    return this.#bytes
  }

  /** The topic has refused a batch of so many bytes for its size. */
  refused(bytes: number): void {
    this.#bytes = Math.min(this.#bytes, Math.floor(bytes / 2))
    // What its settings say is not all that it goes by.
    if (this.#hasGrown) {
      this.#betweenLooksMs = Math.min(longestBetweenLooksMs, 2 * this.#betweenLooksMs)
    }
    this.#hasGrown = false
    this.#lookLater()
  }

  /** The topic has stored a batch: where batches have become smaller, and it is time, its settings are looked at. */
  stored(): void {
    const { batchBytes, clock } = this.#options
    if (this.#bytes >= batchBytes || this.#isLooking || clock.monotonic() < this.#nextLookAt) return
    void this.#look()
  }

  async #look(): Promise<void> {
    const before = this.#bytes
    this.#isLooking = true
    try {
      const told = await this.#options.largestBatch()
      // Somebody changes them, who may do so again soon.
      if (told !== this.#told) this.#betweenLooksMs = betweenLooksMs
      this.#told = told
      const bytes = Math.min(this.#options.batchBytes, told)
      // One that was refused meanwhile says more.
      if (this.#bytes === before && bytes > before) {
        this.#bytes = bytes
        this.#hasGrown = true
      }
    } catch {
      // Batches stay small until it is answered.
    }
    this.#isLooking = false
    this.#lookLater()
  }

  #lookLater(): void {
    this.#nextLookAt = this.#options.clock.monotonic() + this.#betweenLooksMs
  }
}
