import type { DeadLetterFilter, DeadLetterSummary, StoredDeadLetter } from '@daybook/core'
import type { KafkaEntry } from '../kafka-client.ts'
import { letterOf } from './letter-message.ts'

/** What is known of a letter without reading it again. */
export interface IndexedLetter {
  readonly summary: DeadLetterSummary
  readonly offset: number
  readonly code: string
  readonly at: number
}

/** The letters that are there, without their bytes, in the order in which they were put. */
export class LetterIndex {
  readonly #letters = new Map<string, IndexedLetter>()
  /** Everything before this offset is in it. */
  next = 0

  get letters(): Iterable<IndexedLetter> {
    return this.#letters.values()
  }

  get(id: string): IndexedLetter | undefined {
    return this.#letters.get(id)
  }

  /** Drops a letter, unless it was put again since. */
  forget({ summary, offset }: IndexedLetter): void {
    if (this.#letters.get(summary.id)?.offset === offset) this.#letters.delete(summary.id)
  }

  /** Notes what an entry does, and answers the letter in it. */
  add(entry: KafkaEntry): StoredDeadLetter | undefined {
    const { key, value, offset } = entry
    this.next = offset + 1
    if (key === null) return undefined
    const id = key.toString()
    // Taken out first, for a letter put again stands last, like any other that is put.
    this.#letters.delete(id)
    const letter = value === null ? undefined : letterOf(entry)
    if (letter) this.#letters.set(id, indexed(letter, offset))
    return letter
  }
}

export function matches(letter: IndexedLetter, filter: DeadLetterFilter): boolean {
  const { target, key, code, since, until } = filter
  const { summary } = letter
  return (
    (target === undefined || target === summary.target) &&
    (key === undefined || key === summary.key) &&
    (code === undefined || code === letter.code) &&
    (since === undefined || letter.at >= since) &&
    (until === undefined || letter.at < until)
  )
}

function indexed(
  { id, record, target, code, at }: StoredDeadLetter,
  offset: number,
): IndexedLetter {
  const { key, attemptEpoch, version } = record
  const summary = { id, recordId: record.id, target, key, attemptEpoch, version }
  return { summary, code, at, offset }
}
