import type { Backlog, Consumer } from './consumer/consumer.ts'
import { deadLetterId, type StoredDeadLetter } from './dlq/dlq.ts'
import type { Queue } from './queue/queue.ts'

/** What is known of one target's part of a queue. */
interface Observed {
  readonly consumer: Consumer
  /** Ids of letters of whose record a copy is in the queue; looked for when first asked. */
  copies: Promise<Set<string>> | undefined
}

/**
 * Tells how a namespace's queue is doing while nobody delivers from it. It opens consumers that
 * count and look, and pull nothing; not on a queue that is shared, where a consumer would take its
 * part of the work away from the other processes.
 */
export class NamespaceObserver {
  readonly #queue: Queue
  readonly #observed = new Map<string, Promise<Observed>>()

  constructor(queue: Queue) {
    this.#queue = queue
  }

  /** How much there is to do for the target; undefined where that cannot be told. */
  async backlog(target: string): Promise<Backlog | undefined> {
    if (this.#queue.supports.shared) return undefined
    try {
      const { consumer } = await this.#observe(target)
      return await consumer.backlog()
    } catch {
      // A queue that cannot be read says so at start; how the rest is doing can be told all the same.
      return undefined
    }
  }

  /** Whether a copy of the letter's record is in the queue. Rejects if it cannot be read. */
  async hasCopy({ id, target }: StoredDeadLetter): Promise<boolean> {
    if (this.#queue.supports.shared) return false
    const observed = await this.#observe(target)
    observed.copies ??= copiesIn(observed.consumer, target).catch((error: unknown) => {
      observed.copies = undefined
      throw error
    })
    return (await observed.copies).has(id)
  }

  /** A copy was put into the queue, or may have been if that is not certain. */
  async addCopy({ id, target }: StoredDeadLetter, isCertain: boolean): Promise<void> {
    const observed = await this.#observed.get(target)
    if (observed === undefined) return
    if (isCertain) (await observed.copies)?.add(id)
    else observed.copies = undefined
  }

  /** Forgets everything, and closes its consumers: before others are opened, or the queue closed. */
  async end(): Promise<void> {
    const all = [...this.#observed.values()]
    this.#observed.clear()
    await Promise.allSettled(
      all.map(async (opening) => {
        const { consumer, copies } = await opening
        await copies?.catch(() => {})
        await consumer.close()
      }),
    )
  }

  #observe(target: string): Promise<Observed> {
    const known = this.#observed.get(target)
    if (known !== undefined) return known
    const opening = this.#queue.consumer(target).then((consumer) => ({
      consumer,
      copies: undefined,
    }))
    this.#observed.set(target, opening)
    opening.catch(() => this.#observed.delete(target))
    return opening
  }
}

/** Looks through all of the queue, and takes nothing. */
async function copiesIn(consumer: Consumer, target: string): Promise<Set<string>> {
  const found = new Set<string>()
  const { signal } = new AbortController()
  await consumer.pullAhead?.({
    wanted(record) {
      const attemptEpoch = record.attemptEpoch - 1
      const isCopy = attemptEpoch >= 0 && record.target === target
      if (isCopy) found.add(deadLetterId({ id: record.id, attemptEpoch }, target))
      return false
    },
    signal,
  })
  return found
}
