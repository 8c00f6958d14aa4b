import type {
  DeadLetterFilter,
  DeadLetterQueue,
  DeadLetterSummary,
  StoredDeadLetter,
} from '../../dlq/dlq.ts'
import { checkEqual, checkRefusal, fail } from '../check.ts'
import type { DeadLetterQueueSubject } from '../dead-letter-queue-conformance.ts'
import { makeDeadLetter } from '../make-record.ts'

/** One demand of the dead-letter suite, given a queue that is open and empty. */
export interface DeadLetterCase {
  readonly name: string
  run(fixture: DeadLetterFixture): Promise<void>
}

/** A dead-letter queue under test, open, and the steps that the cases share. */
export class DeadLetterFixture {
  readonly patienceMs: number
  readonly #subject: DeadLetterQueueSubject
  #queue: DeadLetterQueue

  constructor(subject: DeadLetterQueueSubject, queue: DeadLetterQueue, patienceMs: number) {
    this.#subject = subject
    this.#queue = queue
    this.patienceMs = patienceMs
  }

  get queue(): DeadLetterQueue {
    return this.#queue
  }

  /**
   * How many letters wait, by target. A target without letters may be absent, or 0. Undefined where
   * the queue declares that it does not count, and then refuses to.
   */
  async counts(): Promise<Readonly<Record<string, number>> | undefined> {
    if (this.#queue.supports?.counts === false) {
      const contract = 'DeadLetterQueue.count is refused where `supports.counts` is false'
      await checkRefusal(this.#queue.count(), contract, 'ERR_NOT_SUPPORTED')
      return undefined
    }
    const counts = [...(await this.#queue.count())].filter(([, count]) => count !== 0)
    return Object.fromEntries(counts)
  }

  /** Checks how many letters wait, by target, where the queue counts them. */
  async checkCounts(expected: Readonly<Record<string, number>>, contract: string): Promise<void> {
    const counts = await this.counts()
    if (counts !== undefined) checkEqual(counts, expected, contract)
  }

  /** Puts so many letters, one call each, and answers them in that order. */
  async putMany(
    count: number,
    overrides: Partial<StoredDeadLetter> = {},
  ): Promise<readonly StoredDeadLetter[]> {
    const letters = Array.from({ length: count }, () => makeDeadLetter(overrides))
    for (const letter of letters) await this.#queue.put([letter])
    return letters
  }

  /** Every letter that matches, page by page. */
  async listAll(
    filter: DeadLetterFilter = {},
    limit = 1_000,
  ): Promise<readonly StoredDeadLetter[]> {
    const letters: StoredDeadLetter[] = []
    let after: string | undefined
    for (let pages = 0; pages < 1_000; pages++) {
      const page = await this.#queue.list({ ...filter, limit, after })
      letters.push(...page.letters)
      if (page.next === undefined) return letters
      after = page.next
    }
    fail('StoredDeadLetterPage.next is undefined at the end', '1,000 pages and no end')
  }

  async summaries(): Promise<readonly DeadLetterSummary[]> {
    const summaries: DeadLetterSummary[] = []
    for await (const summary of this.#queue.summaries()) summaries.push(summary)
    return summaries
  }

  /** Closes the queue and opens one over the same storage; false where nothing would be left. */
  async reopen(): Promise<boolean> {
    if (this.#subject.reopens === false) return false
    await this.#queue.close()
    this.#queue = await this.#subject.open()
    return true
  }
}

export function letterIds(letters: readonly { readonly id: string }[]): readonly string[] {
  return letters.map(({ id }) => id)
}
