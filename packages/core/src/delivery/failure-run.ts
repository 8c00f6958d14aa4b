import type { Failure } from './classify-error.ts'
import type { Entry } from './entry.ts'

/**
 * In how many outages, the target working again between them, a record's attempts are not counted
 * because everything failed with it. Without a bound, records that are poison together would look
 * like an outage again and again.
 */
const mostExcuses = 3

/** Of several records, if nobody else can be asked, not one after the other is to blame. */
const fewestInOutage = 2

/**
 * How long an outage is believed in of which two records tell, in ms, where others wait behind
 * them; twice as long with each record more that tells the same.
 */
const shortestBeliefMs = 3_600_000

/**
 * Different records that failed one after the other, with no success between. A run long enough
 * looks like an outage, and so does a shorter one where nobody else can be asked: the breaker
 * opens, and what its records spent in it is refunded.
 *
 * A record that spent its last attempt in a run is a suspect: its fate is open until the run ends.
 */
export class FailureRun {
  readonly #longest: number
  /** What each of them spent in this run. */
  readonly #spent = new Map<Entry, number>()
  readonly #suspects = new Set<Entry>()
  /**
   * Those, convicted ones included, whose failure may be the target's: while they failed it has not
   * shown, with as many others as make a run, that it works. By arrival, how many others it did
   * apply since they first failed. Kept through an outage.
   */
  readonly #witnesses = new Map<number, number>()
  #lastFailure: Failure | undefined
  /** When the run was first taken for an outage, in monotonic ms. */
  #outageSince: number | undefined

  /** `longest`: so many different records make it an outage. */
  constructor(longest: number) {
    this.#longest = longest
  }

  get isOutage(): boolean {
    return this.#witnesses.size >= this.#longest
  }

  /**
   * How an outage shows of which too few records tell to be sure. Undefined where it is one record
   * that fails by itself, or records that fail while others do not.
   */
  get likelyOutage(): Failure | undefined {
    return this.#agreeing() >= fewestInOutage ? this.#lastFailure : undefined
  }

  /** True if nothing has failed since the target worked last. */
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

  /** An attempt of this record failed, and was counted. `applied` as for `witness`. */
  add(entry: Entry, failure: Failure, applied: number): void {
    this.#spent.set(entry, (this.#spent.get(entry) ?? 0) + 1)
    this.#lastFailure = failure
    this.witness(entry, applied)
  }

  /** An attempt of this record failed. `applied`: records the target has applied so far. */
  witness(entry: Entry, applied: number): void {
    if (this.#witnesses.size >= this.#longest) return
    const since = applied - entry.failures.appliedAtFirst
    if (since < this.#longest) this.#witnesses.set(entry.arrival, since)
  }

  /**
   * True where the outage has lasted for longer than so few records can vouch for it. Only those can
   * be asked behind which others wait, and these might tell: it may be the first ones of their keys
   * that are poison.
   */
  isDoubtful(now: number): boolean {
    if (this.#outageSince === undefined || this.isOutage) return false
    const more = Math.max(0, this.#agreeing() - fewestInOutage)
    return now - this.#outageSince >= shortestBeliefMs * 2 ** more
  }

  /** It spent its last attempt, and waits for the run's end. */
  suspect(entry: Entry): void {
    this.#suspects.add(entry)
  }

  /** The target works: the failures were the records' own. Answers the suspects. */
  end(): readonly Entry[] {
    const suspects = [...this.#suspects]
    this.#forget()
    this.#witnesses.clear()
    this.#outageSince = undefined
    return suspects
  }

  /**
   * Nobody else is left to ask, and nobody else failed. The run goes on with those that stand behind
   * the suspects, or few keys with many records would be emptied into the dead letters.
   */
  convict(): readonly Entry[] {
    const suspects = [...this.#suspects]
    for (const suspect of suspects) this.#spent.delete(suspect)
    this.#suspects.clear()
    return suspects
  }

  /** It is an outage: refunds what was spent. Answers whom. `successes` as for `excuse`. */
  refund(
    successes: number,
    now: number,
  ): {
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
    this.#forget()
    this.#outageSince ??= now
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

  /** The most witnesses that outnumber the records applied since any of them first failed. */
  #agreeing(): number {
    const fewestFirst = [...this.#witnesses.values()].sort((a, b) => a - b)
    return fewestFirst.findLastIndex((since, index) => since <= index) + 1
  }

  #forget(): void {
    this.#suspects.clear()
    this.#spent.clear()
  }
}

/**
 * Whether an attempt of the record is not counted, since it failed in an outage. However long one
 * lasts, it is one: until the target has applied something, which `successes` counts.
 */
export function excuse({ failures }: Entry, successes: number): boolean {
  if (failures.successesAtExcuse === successes) return true
  if (failures.excuses >= mostExcuses) return false
  failures.excuses++
  failures.successesAtExcuse = successes
  return true
}
