import { microsOf, type StampedLetter } from './letter-message.ts'

/** Most puts that are remembered, and most letters that are void. */
const most = 10_000

/**
 * What this process has removed: SQS may hand out a message once more after it was deleted, and a letter that was
 * sent anew by two processes is there twice. And what is void: its record was redriven, and that copy has come to
 * its end.
 */
export class RemovedLetters {
  /** The ids of letters, by their puts. */
  readonly #ids = new Map<string, string>()
  readonly #gone = new Set<string>()
  /** When they were said to be void, in microseconds since the Unix epoch, by their ids. */
  readonly #void = new Map<string, number>()

  /** `put` is what tells one put from all others. */
  add(id: string, put: string): void {
    this.#ids.set(put, id)
    this.#gone.add(id)
    const [oldest] = this.#ids
    if (this.#ids.size <= most || oldest === undefined) return
    this.#ids.delete(oldest[0])
    this.#gone.delete(oldest[1])
  }

  addVoid(id: string, atMicros: number): void {
    this.#void.set(id, atMicros)
    const [oldest] = this.#void.keys()
    if (this.#void.size > most && oldest !== undefined) this.#void.delete(oldest)
  }

  /** Whether this very put was removed. */
  has(put: string): boolean {
    return this.#ids.has(put)
  }

  /** Whether the letter was removed, and not put again here. */
  wasRemoved(id: string): boolean {
    return this.#gone.has(id)
  }

  /** Whether the letter was removed or is void, and not put again here. */
  isGone(id: string): boolean {
    return this.#gone.has(id) || this.#void.has(id)
  }

  /** Whether it was put before it was said to be void; another process may have put it again since. */
  isVoid({ stamp, letter }: StampedLetter): boolean {
    return microsOf(stamp) <= (this.#void.get(letter.id) ?? -1)
  }

  putAgain(id: string): void {
    this.#gone.delete(id)
    this.#void.delete(id)
  }
}
