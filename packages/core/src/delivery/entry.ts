import type { Attempt, AttemptState, Delivery } from '../consumer/consumer.ts'
import type { Lane } from './lane.ts'
import type { Places } from './places.ts'

/**
 * A record on its way through a delivery, from `pull` to its end.
 *
 * - `queued`: in its lane.
 * - `out`: taken from its lane: being applied, or on its way into the dead-letter queue.
 * - `ended`: acked or released; nothing that comes later counts.
 */
export type EntryState = 'queued' | 'out' | 'ended'

/** What is known of a record's attempts that failed in this life. */
class Failures {
  /** Counted against `maxAttempts` or not. */
  count = 0
  /** What the gate had counted as records applied when the first of these began. */
  appliedAtFirst = 0
  /** In how many outages attempts of it were not counted. */
  excuses = 0
  /** What the gate had counted as successes at the last of these. */
  successesAtExcuse = -1
  /** How often the target went down with it, having worked between. */
  outages = 0
  /** What the gate had counted as successes at the last of these. */
  successesAtOutage = -1
}

/** One leased record and what has been tried for it. */
export class Entry {
  /** Replaced by a copy without payload while the record waits, where it can be read again. */
  delivery: Delivery
  readonly lane: Lane
  /** Counts the records in the order in which they were pulled. */
  readonly arrival: number
  /** The copy of a dead letter whose key is blocked: goes before those that wait for it. */
  redriven: boolean
  state: EntryState = 'queued'
  next: Entry | undefined
  spent: number
  readonly interrupted: number
  history: readonly Attempt[]
  /** As kept by the queue: ms since the Unix epoch. */
  notBefore: number
  /** The same by the monotonic clock. */
  waitUntil = 0
  /** It was being applied when the process died, and has had no outcome since. See `Isolation`. */
  suspect: boolean
  /** Applied in a batch of its own: it may have killed a process, or made a whole batch fail. */
  alone = false
  /** The payload was dropped and must be read again. */
  dropped = false
  /** The lease was lost while it was out. */
  lost = false
  /** Of a marker: its places in the lanes of its keys. */
  places: Places | undefined
  /** This is no record, but the place of this marker in the lane of one of its keys. */
  owner: Entry | undefined
  /** Its target has put it off by itself, and that was told. */
  wasHeld = false
  /** By which part of the target. */
  heldPart: string | undefined
  /** True while it is out again after that. */
  putOff = false
  /** The round in which it was put off last, while it waits for that; see `PutOff`. */
  askedIn: number | undefined
  #failures: Failures | undefined

  constructor(delivery: Delivery, lane: Lane, arrival: number, redriven: boolean) {
    this.delivery = delivery
    this.lane = lane
    this.arrival = arrival
    this.redriven = redriven
    const { spent, interrupted, notBefore, history } = delivery.attempts
    this.spent = spent
    this.interrupted = interrupted
    this.notBefore = notBefore
    this.history = history
    this.suspect = interrupted > 0
  }

  /** What is remembered of its attempts that failed. Most records never ask for it. */
  get failures(): Failures {
    this.#failures ??= new Failures()
    return this.#failures
  }

  /** Bytes it holds in memory. */
  get residentBytes(): number {
    return this.dropped ? 0 : this.delivery.bytes
  }

  /** True if it goes before the other one of its key. */
  isBefore(other: Entry): boolean {
    if (this.redriven !== other.redriven) return this.redriven
    return this.arrival < other.arrival
  }

  /** What the queue shall remember. */
  attempts(): AttemptState {
    const { spent, interrupted, notBefore, history } = this
    return { spent, interrupted, notBefore, history }
  }

  dropPayload(): void {
    const { delivery } = this
    if (this.dropped || delivery.record.payload === undefined) return
    this.delivery = { ...delivery, record: { ...delivery.record, payload: undefined } }
    this.dropped = true
  }
}
