import type { Entry } from './entry.ts'

/**
 * In how many outages, the target working again between them, a record's attempts are not counted
 * because everything failed with it. Without a bound, records that are poison together would look
 * like an outage again and again.
 */
const mostOutages = 3

/**
 * Different records that failed one after the other, with no success between. A run long enough
 * looks like an outage: the breaker opens, and what its records spent in it is refunded.
 *
 * A record that spent its last attempt in a run is a suspect: its fate is open until the run ends.
 */
export class FailureRun {
  readonly #longest: number
  /** What each of them spent in this run. */
  readonly #spent = new Map<Entry, number>()
  readonly #suspects = new Set<Entry>()
  /**
   * Those of the run, convicted ones included, whose failure may be the target's: while they failed
   * it has not shown, with as many others as make a run, that it works.
   */
  readonly #witnesses = new Set<Entry>()

  /** `longest`: so many different records make it an outage. */
  constructor(longest: number) {
    this.#longest = longest
  }

  get isOutage(): boolean {
    return this.#witnesses.size >= this.#longest
  }

  /** True if nothing has failed since the target worked last, or since an outage was recognised. */
  get isOver(): boolean {
    return this.#spent.size === 0 && this.#witnesses.size === 0
  }

  get isEmpty(): boolean {
    return this.#spent.size === 0
  }

  /** Records whose fate is open. */
  get suspectRecords(): number {
    return this.#suspects.size
  }

  /** An attempt of this record failed, and was counted. `applied`: records the target has applied so far. */
  add(entry: Entry, applied: number): void {
    this.#spent.set(entry, (this.#spent.get(entry) ?? 0) + 1)
    if (applied - entry.appliedAtFailure < this.#longest) this.#witnesses.add(entry)
  }

  /** It spent its last attempt, and waits for the run's end. */
  suspect(entry: Entry): void {
    this.#suspects.add(entry)
  }

  /** The target works: the failures were the records' own. Answers the suspects. */
  end(): readonly Entry[] {
    const suspects = [...this.#suspects]
    this.#suspects.clear()
    this.#spent.clear()
    this.#witnesses.clear()
    return suspects
  }

  /**
   * Nobody else is left to ask. The run goes on with those that stand behind the suspects, or few
   * keys with many records would be emptied into the dead letters.
   */
  convict(): readonly Entry[] {
    const suspects = [...this.#suspects]
    for (const suspect of suspects) this.#spent.delete(suspect)
    this.#suspects.clear()
    return suspects
  }

  /** It was an outage: refunds what was spent. Answers whom. `successes` as for `excuse`. */
  refund(successes: number): {
    readonly refunded: readonly Entry[]
    readonly convicted: readonly Entry[]
  } {
    const refunded: Entry[] = []
    const convicted: Entry[] = []
    for (const [entry, spent] of this.#spent) {
      if (entry.state === 'ended') continue
      if (excuse(entry, successes)) {
        entry.spent -= spent
        refunded.push(entry)
      } else if (this.#suspects.has(entry)) convicted.push(entry)
    }
    this.#spent.clear()
    this.#suspects.clear()
    this.#witnesses.clear()
    return { refunded, convicted }
  }

  /**
   * The delivery stops before the run is decided: the suspects get back what they spent in it, or
   * the next start would bury them unasked. Answers them.
   */
  acquit(): readonly Entry[] {
    for (const suspect of this.#suspects) suspect.spent -= this.#spent.get(suspect) ?? 1
    const suspects = [...this.#suspects]
    this.#suspects.clear()
    return suspects
  }

  /** Records whose fate is open. */
  suspects(): Iterable<Entry> {
    return this.#suspects
  }
}

/**
 * Whether an attempt of the record is not counted, since it failed in an outage. However long one
 * lasts, it is one: until the target has applied something, which `successes` counts.
 */
export function excuse(entry: Entry, successes: number): boolean {
  if (entry.successesAtExcuse === successes) return true
  if (entry.excuses >= mostOutages) return false
  entry.excuses++
  entry.successesAtExcuse = successes
  return true
}
