import type { DeadLetterQueue, StoredDeadLetter } from '../dlq/dlq.ts'
import type { Alarms } from './alarms.ts'
import type { Entry } from './entry.ts'

/** A record that is to become a dead letter. */
export interface Parked {
  readonly entry: Entry
  readonly letter: StoredDeadLetter
}

export interface ParkingOptions {
  readonly deadLetters: DeadLetterQueue
  readonly alarms: Alarms
  /** Wait before a failed put is tried again, in ms; told how many have failed in a row. */
  backoffMs(failures: number): number
  /** These letters are durable: now their records may be acked. */
  onParked(parked: readonly Parked[]): void
  onError(error: unknown, parked: readonly Parked[]): void
}

/** Most letters put in one call. */
const largestPut = 500

/**
 * Puts dead letters, one call at a time, and keeps trying: a record is never dropped because its
 * letter cannot be stored. After a failed put fewer go at once, and those that failed go last, so
 * that a letter which cannot be stored stands in the way of no other.
 */
export class Parking {
  readonly #options: ParkingOptions
  #line: Parked[] = []
  #underWay: readonly Parked[] = []
  #atOnce = largestPut
  #failures = 0
  readonly #idlers: (() => void)[] = []

  constructor(options: ParkingOptions) {
    this.#options = options
  }

  /** Records whose letters are not stored yet. */
  get size(): number {
    return this.#line.length + this.#underWay.length
  }

  *entries(): Iterable<Entry> {
    for (const { entry } of this.#underWay) yield entry
    for (const { entry } of this.#line) yield entry
  }

  park(parked: readonly Parked[]): void {
    if (parked.length === 0) return
    for (const each of parked) this.#line.push(each)
    if (this.#failures === 0) this.#put()
  }

  /** Resolves once the put that is under way has come to its end. */
  idle(): Promise<void> {
    if (this.#underWay.length === 0) return Promise.resolve()
    return new Promise((resolve) => this.#idlers.push(resolve))
  }

  #put(): void {
    if (this.#underWay.length > 0 || this.#line.length === 0) return
    const batch = this.#line.splice(0, this.#atOnce)
    this.#underWay = batch
    put(this.#options.deadLetters, batch).then(
      () => this.#succeeded(batch),
      (error: unknown) => this.#failed(batch, error),
    )
  }

  #succeeded(batch: readonly Parked[]): void {
    this.#underWay = []
    this.#failures = 0
    this.#atOnce = Math.min(largestPut, this.#atOnce * 2)
    this.#options.onParked(batch)
    this.#put()
    this.#tellIdlers()
  }

  #failed(batch: readonly Parked[], error: unknown): void {
    const { alarms, backoffMs, onError } = this.#options
    this.#underWay = []
    this.#failures++
    this.#atOnce = Math.max(1, Math.ceil(batch.length / 2))
    this.#line = [...this.#line, ...batch]
    onError(error, batch)
    alarms.set(backoffMs(this.#failures), () => this.#put())
    this.#tellIdlers()
  }

  #tellIdlers(): void {
    if (this.#underWay.length === 0) for (const resolve of this.#idlers.splice(0)) resolve()
  }
}

/** Also what is thrown at once becomes a rejection. */
async function put(deadLetters: DeadLetterQueue, batch: readonly Parked[]): Promise<void> {
  await deadLetters.put(batch.map(({ letter }) => letter))
}
