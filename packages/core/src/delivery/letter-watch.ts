import type { Consumer } from '../consumer/consumer.ts'
import type { DeadLetterQueue, DeadLetterSummary } from '../dlq/dlq.ts'
import { isWalError, type WalErrorCode } from '../errors.ts'
import type { Alarms } from './alarms.ts'
import type { Blockers } from './blockers.ts'
import type { Lanes } from './lanes.ts'

export interface LetterWatchOptions {
  readonly targetName: string
  readonly consumer: Consumer
  readonly deadLetters: DeadLetterQueue
  readonly blockers: Blockers
  readonly lanes: Lanes
  readonly alarms: Alarms
  /** True for a letter on its way out: the copy of its record has come to its end here. */
  isRemoving(letterId: string): boolean
  /** True while nothing is pulled because what is held has reached its bound. */
  isFull(): boolean
  /** A key waits now for a letter of another process. */
  held(key: string): void
  /** How many letters were dealt with here so far: what was read before that may still have them. */
  dealtWith(): number
  /** Keys wait that did not, or no longer. */
  onChange(): void
  report(code: WalErrorCode, what: string, cause: unknown): void
}

/** How often other processes' doings with letters are looked at, in ms. */
const eachMs = 15_000
/** And how much less often for each letter there is, since each may be a call of a store. */
const perLetterMs = 20

/**
 * Letters that hold their keys where processes share a queue: another one may put a letter of a key whose next records
 * come here, or discard the letter for which a key waits here. So they are looked at again and again. A key that
 * waits goes on once two looks in a row have not found its letter: one may have begun before it was put.
 */
export class LetterWatch {
  readonly #options: LetterWatchOptions
  /** The epochs of the letters that the last look has missed, by the ids of their records. */
  #missed: ReadonlyMap<string, number> = new Map()
  #isFailing = false

  constructor(options: LetterWatchOptions) {
    this.#options = options
    this.#lookIn(eachMs)
  }

  #lookIn(delayMs: number): void {
    const look = async (): Promise<void> =>
      this.#lookIn(eachMs + perLetterMs * (await this.#look()))
    this.#options.alarms.set(delayMs, () => void look())
  }

  /** Answers how many letters there are. */
  async #look(): Promise<number> {
    const { deadLetters, targetName, dealtWith, onChange } = this.#options
    const before = dealtWith()
    const letters: DeadLetterSummary[] = []
    let count = 0
    try {
      for await (const summary of deadLetters.summaries()) {
        count++
        if (summary.target === targetName) letters.push(summary)
      }
      this.#isFailing = false
    } catch (error) {
      this.#failed(error)
      return count
    }
    if (dealtWith() === before) this.#hold(letters)
    this.#letGo(new Set(letters.map(({ recordId }) => recordId)))
    onChange()
    return count
  }

  #failed(error: unknown): void {
    const isClosed = isWalError(error) && error.code === 'ERR_CLOSED'
    const what = 'Dead letters of other processes are not seen, nor that they were discarded'
    if (!this.#isFailing && !isClosed)
      this.#options.report('ERR_IO', `${what}; that is tried again`, error)
    this.#isFailing = true
  }

  /** What was put elsewhere. */
  #hold(letters: readonly DeadLetterSummary[]): void {
    const { blockers, consumer, held, isFull, isRemoving } = this.#options
    const canSearch = consumer.pullAhead !== undefined
    for (const letter of letters) {
      const { recordId: id, key, attemptEpoch } = letter
      if (key === undefined || isRemoving(letter.id)) continue
      if (blockers.knows(letter)) {
        // It may have been redriven elsewhere: pulling will not bring the copy.
        if (canSearch && isFull()) blockers.mayCome({ id, key, attemptEpoch })
        continue
      }
      // A copy may be on its way; where nobody can look for it, that would be said for ever.
      if (canSearch) blockers.addSummary(letter)
      else blockers.add({ id, key, attemptEpoch })
      held(key)
    }
  }

  /** What was discarded elsewhere, or redriven and applied there. */
  #letGo(found: ReadonlySet<string>): void {
    const { blockers, lanes } = this.#options
    const missed = new Map<string, number>()
    for (const { id, key, attemptEpoch } of blockers.waiting()) {
      if (found.has(id)) continue
      if (this.#missed.get(id) !== attemptEpoch) missed.set(id, attemptEpoch)
      else if (blockers.remove({ id, key, attemptEpoch }) && key !== undefined)
        lanes.refreshKey(key)
    }
    this.#missed = missed
  }
}
