import type { StampedLetter } from './letter-message.ts'

/** Most ids that are remembered. */
const mostIds = 10_000

/**
 * What this process has removed: SQS may hand out a message once more after it was deleted, and a letter that was
 * sent anew by two processes is there twice.
 */
export class RemovedLetters {
  /** Stamps, by the ids of letters. */
  readonly #stamps = new Map<string, Set<string>>()
  readonly #gone = new Set<string>()

  add({ letter: { id }, stamp }: StampedLetter): void {
    const stamps = this.#stamps.get(id) ?? new Set()
    stamps.add(stamp)
    this.#stamps.delete(id)
    this.#stamps.set(id, stamps)
    this.#gone.add(id)
    const [oldest] = this.#stamps.keys()
    if (this.#stamps.size <= mostIds || oldest === undefined) return
    this.#stamps.delete(oldest)
    this.#gone.delete(oldest)
  }

  /** Whether this very put was removed. */
  has({ letter: { id }, stamp }: StampedLetter): boolean {
    return this.#stamps.get(id)?.has(stamp) === true
  }

  /** Whether the letter was removed, and not put again here. */
  isGone(id: string): boolean {
    return this.#gone.has(id)
  }

  putAgain(id: string): void {
    this.#gone.delete(id)
  }
}
