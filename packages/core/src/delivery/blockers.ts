import type { DeadLetterSummary } from '../dlq/dlq.ts'
import type { StoredRecord } from '../record.ts'

/** What names a letter here. */
type Letter = Pick<StoredRecord, 'id' | 'key' | 'attemptEpoch'> & {
  readonly version?: bigint | undefined
}

/**
 * Whether a copy of a letter's record is on its way through the queue.
 *
 * - `no`: none, or it is here.
 * - `perhaps`: the letter was there at the start; it may have been redriven before.
 * - `yes`: it was redriven in this life, and its copy has not come.
 */
type Awaited = 'no' | 'perhaps' | 'yes'

/**
 * What is known of a letter's record.
 *
 * - `here`: the letter stands for it; no copy was put back into the queue.
 * - `perhaps`: one may have been.
 * - `underWay`: one was, and its letter waits for what becomes of it.
 */
export type CopyState = 'here' | 'perhaps' | 'underWay'

/** A letter that holds its key. Told apart by who is given it; nothing for others to read. */
export interface Hold {
  epoch: number
  version: bigint | undefined
  /** The highest attempt epoch of a copy that came; 0 for none. */
  seen: number
  awaited: Awaited
}

/**
 * Which keys wait because a record of theirs is a dead letter of this target. Under
 * `onDeadLetter: 'continue'` none ever does.
 */
export class Blockers {
  readonly #blocks: boolean
  /** Per key, by record id. Invariant: no inner map is empty. */
  readonly #byKey = new Map<string, Map<string, Hold>>()
  #removed = 0
  /** How many holds await a copy in each way. */
  readonly #awaited = { perhaps: 0, yes: 0 }
  /** Told of each record whose letter is dealt with. */
  readonly #removals = new Set<Set<string>>()

  constructor(onDeadLetter: 'continue' | 'block') {
    this.#blocks = onDeadLetter === 'block'
  }

  /** How many letters no longer hold a key. */
  get removed(): number {
    return this.#removed
  }

  /** False where a letter holds nothing. */
  get blocks(): boolean {
    return this.#blocks
  }

  /** Keys that wait. */
  get size(): number {
    return this.#byKey.size
  }

  /** True while a redriven copy is on its way: it may stand behind any number of records that wait for it. */
  get expects(): boolean {
    return this.#awaited.yes > 0
  }

  /** True while a copy may be on its way that was sent before the start. */
  get mayExpect(): boolean {
    return this.#awaited.perhaps > 0
  }

  isBlocked(key: string): boolean {
    return this.#byKey.has(key)
  }

  /** True for the copy of a record whose letter blocks its key: it has come. */
  isRedriven(record: StoredRecord): boolean {
    const hold = this.#holdOf(record)
    if (hold === undefined || hold.epoch >= record.attemptEpoch) return false
    hold.seen = Math.max(hold.seen, record.attemptEpoch)
    this.#await(hold, 'no')
    return true
  }

  /** True for a record that comes once more, although its letter is there: it is dead already. */
  isDead(record: StoredRecord): boolean {
    if (this.#byKey.size === 0) return false
    const hold = this.#holdOf(record)
    // Of another version it is another write, to which its caller gave the same id.
    return hold?.version === record.version && hold.epoch >= record.attemptEpoch
  }

  /** From here to `end`: ids of records whose letters were dealt with. */
  watchRemovals(): { readonly ids: ReadonlySet<string>; end(): void } {
    const ids = new Set<string>()
    this.#removals.add(ids)
    return { ids, end: () => this.#removals.delete(ids) }
  }

  /** True for a copy of a letter's record that has not come. */
  awaits(record: StoredRecord): boolean {
    const hold = this.#holdOf(record)
    return hold !== undefined && hold.awaited !== 'no' && hold.epoch < record.attemptEpoch
  }

  /** True where its record is held for this letter, or a later one. */
  knows({ recordId, key, attemptEpoch }: DeadLetterSummary): boolean {
    const hold = this.#holdOf({ id: recordId, key, attemptEpoch })
    return hold !== undefined && hold.epoch >= attemptEpoch
  }

  /** The letters for which keys wait. A copy that has come may have gone elsewhere since. */
  waiting(): readonly Letter[] {
    return [...this.#byKey].flatMap(([key, holds]) =>
      [...holds].map(([id, { epoch }]) => ({ id, key, attemptEpoch: epoch })),
    )
  }

  /** What is known of the record of a letter of this target. */
  stateOf(letter: Letter): CopyState {
    const hold = this.#holdOf(letter)
    if (hold === undefined) return 'here'
    const latest = Math.max(hold.epoch, hold.seen)
    if (hold.awaited === 'yes' || latest > letter.attemptEpoch) return 'underWay'
    return hold.awaited === 'perhaps' ? 'perhaps' : 'here'
  }

  /** The queue of dead letters holds a letter of this record. No copy is on its way that was not seen. */
  add({ id, key, attemptEpoch, version }: Letter): void {
    this.#add({ id, key, attemptEpoch, version }, 'no')
  }

  /** The letter was there at the start. */
  addSummary({ recordId, key, attemptEpoch, version }: DeadLetterSummary): void {
    this.#add({ id: recordId, key, attemptEpoch, version }, 'perhaps')
  }

  /** Of these it is not known whether a copy is on its way. */
  doubtful(): readonly Hold[] {
    if (!this.mayExpect) return []
    const holds = [...this.#byKey.values()].flatMap((ofKey) => [...ofKey.values()])
    return holds.filter(({ awaited }) => awaited === 'perhaps')
  }

  /** All there was in the queue has been looked at: unless a copy of them came, there is none. */
  notFound(doubtful: readonly Hold[]): void {
    for (const hold of doubtful) if (hold.awaited === 'perhaps') this.#await(hold, 'no')
  }

  /** A send of the letter's copy failed, and it may have been stored. */
  mayCome(letter: Letter): void {
    const hold = this.#holdOf(letter)
    if (hold?.awaited === 'no' && this.stateOf(letter) === 'here') this.#await(hold, 'perhaps')
  }

  /**
   * The letter's record comes again, one attempt epoch higher. That may be said late: when the copy
   * is here already, or has ended and left a letter of its own, or none.
   */
  expect(letter: Letter): void {
    const hold = this.#holdOf(letter)
    if (hold === undefined || Math.max(hold.seen, hold.epoch) > letter.attemptEpoch) return
    this.#await(hold, 'yes')
  }

  /** The copy that had come was lost with its lease: it comes again, here or elsewhere. */
  lost(copy: StoredRecord): void {
    const hold = this.#holdOf(copy)
    if (hold === undefined || hold.epoch >= copy.attemptEpoch) return
    hold.seen = 0
    this.#await(hold, 'perhaps')
  }

  /** The record's letter, of this epoch or an earlier one, is dealt with. True if its key may go on. */
  remove({ id, key, attemptEpoch }: Letter): boolean {
    for (const ids of this.#removals) ids.add(id)
    const holds = key === undefined ? undefined : this.#byKey.get(key)
    const hold = holds?.get(id)
    if (key === undefined || holds === undefined || hold === undefined) return false
    if (hold.epoch > attemptEpoch) return false
    this.#await(hold, 'no')
    this.#removed++
    holds.delete(id)
    return holds.size === 0 && this.#byKey.delete(key)
  }

  #add({ id, key, attemptEpoch, version }: Letter, awaited: Awaited): void {
    if (!this.#blocks || key === undefined) return
    const holds = this.#byKey.get(key) ?? new Map<string, Hold>()
    this.#byKey.set(key, holds)
    const hold = holds.get(id) ?? { epoch: 0, version, seen: 0, awaited: 'no' }
    holds.set(id, hold)
    hold.epoch = Math.max(hold.epoch, attemptEpoch)
    hold.version = version
    this.#await(hold, awaited)
  }

  #holdOf({ id, key }: Letter): Hold | undefined {
    return key === undefined ? undefined : this.#byKey.get(key)?.get(id)
  }

  #await(hold: Hold, awaited: Awaited): void {
    if (hold.awaited !== 'no') this.#awaited[hold.awaited]--
    if (awaited !== 'no') this.#awaited[awaited]++
    hold.awaited = awaited
  }
}
