import type { Clock } from '../../clock.ts'
import { isWalError, WalError } from '../../errors.ts'
import type { SendOutcome } from '../../producer/producer.ts'
import type { StoredRecord } from '../../record.ts'
import { Group, type GroupFormat } from './group.ts'
import type { LogTail } from './log-tail.ts'

export interface GroupCommitOptions {
  readonly tail: LogTail
  readonly clock: Clock
  readonly format: GroupFormat
  /** No record is added to a group that is this large. */
  readonly maxGroupBytes: number
  /** Called after each group that became durable. */
  onDurable(): void
}

/** Groups kept for their buffers. With one on its way and one being filled, more are rarely wanted. */
const mostIdleGroups = 2

/** Fewer callers than that are never halved: two syncs for so few cost more than they save. */
const worthHalving = 128

/**
 * Gathers the records of many callers into groups. One group is on its way, being written and
 * synced, while the next is filled.
 *
 * A sync costs much the same for one record as for many, so a group should not leave just before
 * the callers that were answered by the one before come back with their next record. States:
 *
 * - idle: nothing to do.
 * - gathering: there are records, and no group is on its way. The group leaves when it has as many
 *   records as there are callers, at the latest when the event loop has run everyone who was ready.
 * - writing: a group is on its way. When it is done the next one leaves at once if it has as many
 *   as that, before the callers are answered, so that the disk works while they do.
 *
 * Where many callers take longer to come back than a group takes to be written, half of them are
 * enough: one half is encoded while the other half is written.
 */
export class GroupCommit {
  readonly #options: GroupCommitOptions
  /** Groups not on their way yet, oldest first. Only the last one still takes records. */
  readonly #queue: Group[] = []
  readonly #idle: Group[] = []
  #onItsWay: Group | undefined
  /** Resolves when the group on its way is done. */
  #written: Promise<void> = Promise.resolve()
  /** How many records make it worth while to leave. */
  #goal = 1
  /** When callers were answered last, how many, and how many records have come in since. */
  #answeredAt = 0
  #answered = 0
  #returned = 0
  /** How long it takes callers to come back, for each of them. */
  #returnMs = 0
  #turnEnd: NodeJS.Immediate | undefined
  #closed = false

  constructor(options: GroupCommitOptions) {
    this.#options = options
  }

  /** Bytes of records not yet answered. */
  get bufferedBytes(): number {
    let bytes = this.#onItsWay?.byteLength ?? 0
    for (const group of this.#queue) bytes += group.byteLength
    return bytes
  }

  /** See `Log.append`. */
  append(records: readonly StoredRecord[]): Promise<readonly SendOutcome[]> {
    if (this.#closed) return refuse(records, closedError())
    if (records.length === 0) return Promise.resolve([])
    const group = this.#filling()
    try {
      group.add(records)
    } catch (error) {
      if (isWalError(error)) return refuse(records, error)
      throw error
    }
    this.#countReturned(records.length)
    if (this.#onItsWay === undefined) this.#leaveOrGather()
    return group.outcomes(records.length)
  }

  /** Takes no more records and resolves once all are answered. */
  async close(): Promise<void> {
    this.#closed = true
    if (this.#onItsWay === undefined) this.#leave()
    while (this.#onItsWay !== undefined) await this.#written
  }

  #filling(): Group {
    const last = this.#queue.at(-1)
    if (last && last.byteLength < this.#options.maxGroupBytes) return last
    const { tail, format } = this.#options
    const before = last ?? this.#onItsWay
    const group = this.#idle.pop() ?? new Group(format)
    group.begin(before ? tail.placeAfter(before) : tail.place)
    this.#queue.push(group)
    return group
  }

  #leaveOrGather(): void {
    if (this.#waitingRecords() >= this.#goal) this.#leave()
    else this.#turnEnd ??= setImmediate(() => this.#leave())
  }

  /** Sends the oldest group on its way, if there is one. */
  #leave(): void {
    clearImmediate(this.#turnEnd)
    this.#turnEnd = undefined
    const group = this.#queue.shift()
    if (group === undefined) return
    this.#onItsWay = group
    this.#written = this.#write(group)
  }

  async #write(group: Group): Promise<void> {
    const { tail, clock, onDurable } = this.#options
    const began = clock.monotonic()
    const outcome = await tail.write(group)
    const now = clock.monotonic()
    this.#onItsWay = undefined
    const waiting = this.#waitingRecords()
    this.#goal = this.#goalFor(group.records + waiting, now - began)
    if (waiting > 0 && (waiting >= this.#goal || this.#closed)) this.#leave()
    group.settle(outcome)
    this.#answeredAt = now
    this.#answered = group.records
    this.#returned = 0
    if (this.#idle.length < mostIdleGroups) this.#idle.push(group)
    if (outcome.durable === 'yes') onDurable()
    if (waiting > 0 && this.#onItsWay === undefined) this.#leaveOrGather()
  }

  #goalFor(callers: number, writeMs: number): number {
    const halve = callers >= worthHalving && callers * this.#returnMs > writeMs
    return halve ? Math.ceil(callers / 2) : callers
  }

  #countReturned(records: number): void {
    const before = this.#returned
    this.#returned += records
    if (before >= this.#answered || this.#returned < this.#answered) return
    const elapsedMs = this.#options.clock.monotonic() - this.#answeredAt
    this.#returnMs = elapsedMs / this.#returned
  }

  #waitingRecords(): number {
    let records = 0
    for (const group of this.#queue) records += group.records
    return records
  }
}

function refuse(
  records: readonly StoredRecord[],
  error: WalError,
): Promise<readonly SendOutcome[]> {
  return Promise.resolve(records.map(() => ({ durable: 'no', error })))
}

function closedError(): WalError {
  return new WalError('ERR_CLOSED', 'The log is closed; nothing was written.')
}
