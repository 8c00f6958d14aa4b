import type { Clock } from '../../clock.ts'
import { isUnmadeCode } from '../../connection-errors.ts'
import { type FailureOutcome, type HeldOutcome, held } from '../target.ts'

/** Wait, in ms, for a host that does not say for how long: doubled up to the longest. */
const firstWaitMs = 1000
const longestWaitMs = 60_000

/** However long a host asks for, it is asked again after an hour: it may have mistaken its unit. */
const longestAskedMs = 3_600_000

/** Times a host went down with a record, working again between, after which it is the record that brings it down. */
const mostFalls = 5

/** Most records of which it is remembered that their host went down with them. */
const mostFallen = 1000

interface BusyHost {
  readonly outcome: FailureOutcome
  /** By the monotonic clock. */
  readonly until: number
  readonly waitMs: number
}

/** A request that is under way, and whether none other of its host has been meanwhile. */
export interface Flight {
  isAlone: boolean
}

/** That a host went down with a record: how often, and what it had answered well by then. */
interface Fall {
  readonly times: number
  readonly successes: number
}

/**
 * Which of many hosts asked for less, or are down, and for how long. Records of such a host are held back
 * without asking it again; those of the others go on.
 */
export class BusyHosts {
  readonly #clock: Clock
  /** Both bounded by the hosts that an option names. */
  readonly #hosts = new Map<string, BusyHost>()
  readonly #successes = new Map<string, number>()
  readonly #flights = new Map<string, Set<Flight>>()
  /** By record. */
  readonly #falls = new Map<string, Fall>()

  constructor(clock: Clock) {
    this.#clock = clock
  }

  /** What is to be said of a record while its host is left in peace; undefined if it may be asked. */
  heldBack(host: string): HeldOutcome | undefined {
    const busy = this.#hosts.get(host)
    const leftMs = busy === undefined ? 0 : busy.until - this.#clock.monotonic()
    if (busy === undefined || leftMs <= 0) return undefined
    return { ...heldFor(host, busy.outcome, leftMs), untried: true }
  }

  /** A request to the host sets out. */
  sends(host: string): Flight {
    const others = this.#flights.get(host) ?? new Set()
    for (const other of others) other.isAlone = false
    const flight = { isAlone: others.size === 0 }
    this.#flights.set(host, others.add(flight))
    return flight
  }

  /** It is over, however it ended. */
  ends(host: string, flight: Flight): void {
    const flights = this.#flights.get(host)
    flights?.delete(flight)
    if (flights?.size === 0) this.#flights.delete(host)
  }

  /**
   * A connection to the host broke, or was not made. A record that was sent with nothing beside it, with which the
   * host goes down again and again, and works between, brings it down: its attempts count from then on.
   */
  broke(
    host: string,
    recordId: string,
    { isAlone }: Flight,
    outcome: FailureOutcome,
  ): HeldOutcome | FailureOutcome {
    // What was not even sent has brought nothing down; of several that were, nobody knows which.
    if (!isAlone || isUnmadeCode(outcome.code)) return this.throttled(host, outcome)
    const successes = this.#successes.get(host) ?? 0
    const before = this.#falls.get(recordId)
    // Nothing has worked since: the host is down still.
    if (before?.successes === successes) return this.throttled(host, outcome)
    const times = (before?.times ?? 0) + 1
    this.#falls.delete(recordId)
    this.#falls.set(recordId, { times, successes })
    const [oldest] = this.#falls.keys()
    if (this.#falls.size > mostFallen && oldest !== undefined) this.#falls.delete(oldest)
    return times > mostFalls ? { ...outcome, status: 'transient' } : this.throttled(host, outcome)
  }

  /** The host asked for less, or said that it is down. That it says so itself is load, or its upkeep: no record's fault. */
  throttled(host: string, outcome: FailureOutcome): HeldOutcome {
    const before = this.#hosts.get(host)
    const now = this.#clock.monotonic()
    // Others of the same batch were told the same: that is no further refusal.
    const isSame = before !== undefined && before.until > now
    const doubled = before === undefined ? firstWaitMs : Math.min(before.waitMs * 2, longestWaitMs)
    const waitMs = isSame ? before.waitMs : doubled
    const leftMs = Math.min(outcome.retryAfterMs ?? waitMs, longestAskedMs)
    // Who does not say for how long, or says less, takes nothing back of what was said.
    const until = Math.max(now + leftMs, before?.until ?? now)
    this.#hosts.set(host, { outcome, until, waitMs })
    return heldFor(host, outcome, until - now)
  }

  /** The host applied a record. */
  applied(host: string, recordId: string): void {
    this.#successes.set(host, (this.#successes.get(host) ?? 0) + 1)
    this.#falls.delete(recordId)
  }

  /** The host answered something else. What was sent before its time was over says nothing of after. */
  answered(host: string, sentAt: number): void {
    const busy = this.#hosts.get(host)
    if (busy !== undefined && sentAt >= busy.until) this.#hosts.delete(host)
  }
}

function heldFor(part: string, failure: FailureOutcome, leftMs: number): HeldOutcome {
  const { code, message, cause } = failure
  return held(code, message, { retryAfterMs: Math.ceil(leftMs), cause, part })
}
