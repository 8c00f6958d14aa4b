/** Messages that are remembered, unless told otherwise: some megabytes of names. */
const mostMessages = 10_000

/**
 * Which targets' queues have acknowledged the copy of a message that could not be copied to all of them. It comes
 * again after each visibility, and these need no second copy. In this process only: another one may
 * copy it once more, as after a crash.
 */
export class AckedCopies {
  readonly #targets = new Map<string, Set<string>>()
  readonly #most: number

  constructor(most = mostMessages) {
    this.#most = most
  }

  has(messageId: string, target: string): boolean {
    return this.#targets.get(messageId)?.has(target) ?? false
  }

  add(messageId: string, target: string): void {
    const targets = this.#targets.get(messageId) ?? new Set()
    targets.add(target)
    this.#targets.set(messageId, targets)
    const [oldest] = this.#targets.keys()
    if (this.#targets.size > this.#most && oldest !== undefined) this.#targets.delete(oldest)
  }

  /** The message is gone. */
  forget(messageId: string): void {
    this.#targets.delete(messageId)
  }
}
