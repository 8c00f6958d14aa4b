/** Most puts that are remembered. */
const mostPuts = 10_000

/**
 * What this process has removed: SQS may hand out a message once more after it was deleted, and a letter that was
 * sent anew by two processes is there twice.
 */
export class RemovedLetters {
  /** The ids of letters, by their puts. */
  readonly #ids = new Map<string, string>()
  readonly #gone = new Set<string>()

  /** `put` is what tells one put from all others. */
  add(id: string, put: string): void {
    this.#ids.set(put, id)
    this.#gone.add(id)
    const [oldest] = this.#ids
    if (this.#ids.size <= mostPuts || oldest === undefined) return
    this.#ids.delete(oldest[0])
    this.#gone.delete(oldest[1])
  }

  /** Whether this very put was removed. */
  has(put: string): boolean {
    return this.#ids.has(put)
  }

  /** Whether the letter was removed, and not put again here. */
  isGone(id: string): boolean {
    return this.#gone.has(id)
  }

  putAgain(id: string): void {
    this.#gone.delete(id)
  }
}
