import type { DeadLetterSummary } from '../dlq/dlq.ts'
import type { StoredRecord } from '../record.ts'

/** What names a letter here. */
type Letter = Pick<StoredRecord, 'id' | 'key' | 'attemptEpoch'>

/**
 * Which keys wait because a record of theirs is a dead letter of this target. Under
 * `onDeadLetter: 'continue'` none ever does.
 */
export class Blockers {
  readonly #blocks: boolean
  /** Per key, the attempt epoch of each record that is a dead letter. Invariant: no inner map is empty. */
  readonly #byKey = new Map<string, Map<string, number>>()
  /** Ids of records that are about to come again. */
  readonly #expected = new Set<string>()

  constructor(onDeadLetter: 'continue' | 'block') {
    this.#blocks = onDeadLetter === 'block'
  }

  /** Keys that wait. */
  get size(): number {
    return this.#byKey.size
  }

  /** True while a redriven copy is on its way: it may stand behind any number of records that wait for it. */
  get expects(): boolean {
    return this.#expected.size > 0
  }

  isBlocked(key: string): boolean {
    return this.#byKey.has(key)
  }

  /** True for the copy of a record whose letter blocks its key. */
  isRedriven(record: StoredRecord): boolean {
    if (record.attemptEpoch === 0 || record.key === undefined) return false
    const epoch = this.#byKey.get(record.key)?.get(record.id)
    if (epoch === undefined || epoch >= record.attemptEpoch) return false
    this.#expected.delete(record.id)
    return true
  }

  /** The queue of dead letters holds a letter of this record. */
  add({ id, key, attemptEpoch }: Letter): void {
    if (!this.#blocks || key === undefined) return
    const letters = this.#byKey.get(key) ?? new Map<string, number>()
    letters.set(id, Math.max(attemptEpoch, letters.get(id) ?? 0))
    this.#byKey.set(key, letters)
  }

  addSummary({ recordId, key, attemptEpoch }: DeadLetterSummary): void {
    this.add({ id: recordId, key, attemptEpoch })
  }

  /** The letter of this record is about to come again. */
  expect({ id, key }: Letter): void {
    if (key !== undefined && this.#byKey.get(key)?.has(id)) this.#expected.add(id)
  }

  /** The record's letter, of this epoch or an earlier one, is dealt with. True if its key may go on. */
  remove({ id, key, attemptEpoch }: Letter): boolean {
    const letters = key === undefined ? undefined : this.#byKey.get(key)
    const epoch = letters?.get(id)
    if (key === undefined || letters === undefined || epoch === undefined) return false
    if (epoch > attemptEpoch) return false
    letters.delete(id)
    this.#expected.delete(id)
    if (letters.size > 0) return false
    return this.#byKey.delete(key)
  }
}
