import type { StoredRecord } from '../record.ts'
import type { Deadline } from './deadlines.ts'
import type { SendOutcome } from './producer.ts'
import type { RecordName } from './receipt.ts'

/** Makes of the outcomes, one per record, what the caller of a write wants; it may throw. */
export type Answer<R> = (outcomes: readonly SendOutcome[], records: readonly RecordName[]) => R

/** Records on their way into the queue; done once their caller has an answer. */
export interface Waiting extends Deadline {
  readonly records: readonly StoredRecord[]
  /** What they take of the budgets. */
  readonly bytes: number
  /** Ends what was begun to limit the wait. */
  stopWaiting: (() => void) | undefined
  /** Answers the caller. Whatever comes after the first answer changes nothing. */
  finish(outcomes: readonly SendOutcome[]): void
}

/**
 * Records on their way, and the caller who waits for them: until the queue answers, or until the
 * caller's patience ends.
 */
export class Sending<R> implements Waiting {
  readonly records: readonly StoredRecord[]
  readonly bytes: number
  /** What the caller waits for; rejects with what `answer` throws. */
  readonly answered: Promise<R>
  deadline = 0
  isDone = false
  stopWaiting: (() => void) | undefined = undefined
  readonly #answer: Answer<R>
  #resolve!: (result: R) => void
  #reject!: (error: unknown) => void

  constructor(records: readonly StoredRecord[], bytes: number, answer: Answer<R>) {
    this.records = records
    this.bytes = bytes
    this.#answer = answer
    this.answered = new Promise((resolve, reject) => {
      this.#resolve = resolve
      this.#reject = reject
    })
  }

  finish(outcomes: readonly SendOutcome[]): void {
    this.isDone = true
    try {
      this.#resolve(this.#answer(outcomes, this.records))
    } catch (error) {
      this.#reject(error)
    }
  }
}
