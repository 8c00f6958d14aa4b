import { deadLetterId, type StoredDeadLetter } from './dlq/dlq.ts'
import type { Queue } from './queue/queue.ts'

/**
 * Which letters of a namespace have a copy of their record in the queue, before delivery begins and
 * knows by itself: each target's part of the queue is looked through once, when it is first asked.
 */
export class NamespaceCopies {
  readonly #queue: Queue
  /** Per target, the ids of such letters. */
  readonly #found = new Map<string, Promise<Set<string>>>()

  constructor(queue: Queue) {
    this.#queue = queue
  }

  /** Whether a copy of the letter's record is in the queue. Rejects if it cannot be read. */
  async has({ id, target }: StoredDeadLetter): Promise<boolean> {
    const found = this.#found.get(target) ?? this.#look(target)
    this.#found.set(target, found)
    return (await found).has(id)
  }

  /** A copy was put into the queue, or may have been if that is not certain. */
  async add({ id, target }: StoredDeadLetter, isCertain: boolean): Promise<void> {
    const found = this.#found.get(target)
    if (isCertain) (await found)?.add(id)
    else this.#found.delete(target)
  }

  /** Resolves once nothing is being read; what was found is forgotten. */
  async end(): Promise<void> {
    const looks = [...this.#found.values()]
    this.#found.clear()
    await Promise.allSettled(looks)
  }

  async #look(target: string): Promise<Set<string>> {
    const found = new Set<string>()
    try {
      const consumer = await this.#queue.consumer(target)
      try {
        const { signal } = new AbortController()
        await consumer.pullAhead?.({
          wanted(record) {
            const { attemptEpoch } = record
            const isCopy = attemptEpoch > 0 && record.target === target
            if (isCopy)
              found.add(deadLetterId({ ...record, attemptEpoch: attemptEpoch - 1 }, target))
            return false
          },
          signal,
        })
      } finally {
        await consumer.close()
      }
      return found
    } catch (error) {
      this.#found.delete(target)
      throw error
    }
  }
}
