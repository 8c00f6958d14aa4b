import { reasonOf } from '../../error-text.ts'
import { isWalError, WalError } from '../../errors.ts'
import type { SendOutcome } from '../../producer/producer.ts'
import type { StoredRecord } from '../../record.ts'
import { Group, type GroupFormat } from './group.ts'
import { goalAfter } from './group-pace.ts'
import type { LogTail } from './log-tail.ts'

export interface GroupCommitOptions {
  readonly tail: LogTail
  readonly format: GroupFormat
  /** No record is added to a group that is this large. */
  readonly maxGroupBytes: number
  /** See `LogOptions.ownershipLoss`. */
  ownershipLoss(): WalError | undefined
  /** Called after each group that became durable. */
  onDurable(): void
}

/** Groups kept for the next use. With one on its way and one being filled, more are rarely wanted. */
const mostIdleGroups = 2

/**
 * Gathers the records of many callers into groups. One group is on its way, being written and
 * synced, while the next is filled. States:
 *
 * - idle: nothing to do.
 * - gathering: there are records, and no group is on its way. The group leaves when it is as large
 *   as its pace wants it, at the latest when the event loop has run everyone who was ready to run.
 * - writing: a group is on its way. When it is done, the next one leaves if it is large enough by
 *   then, before the callers are answered, so that the disk works while they do.
 */
export class GroupCommit {
  readonly #options: GroupCommitOptions
  /** Groups not on their way yet, oldest first. Only the last one still takes records. */
  readonly #queue: Group[] = []
  readonly #idle: Group[] = []
  #onItsWay: Group | undefined
  /** With so many records a group leaves without waiting for the end of the turn. */
  #goal = 1
  /** Resolves when the group on its way is done. */
  #written: Promise<void> = Promise.resolve()
  /** Set while gathering. */
  #turnEnd: NodeJS.Immediate | undefined
  #closed = false
  #abandoned: WalError | undefined

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
    if (this.#closed) return refuse(records, this.#abandoned ?? closedError())
    if (records.length === 0) return Promise.resolve([])
    const group = this.#filling()
    try {
      group.add(records)
    } catch (error) {
      if (isWalError(error)) return refuse(records, error)
      throw error
    }
    if (this.#onItsWay === undefined) this.#leaveOrGather()
    return group.outcomes(records.length)
  }

  /** Takes no more records and resolves once all are answered. */
  async close(): Promise<void> {
    this.#closed = true
    if (this.#onItsWay === undefined) this.#leave()
    while (this.#onItsWay !== undefined) await this.#written
  }

  /** Answers `'no'` to what is not on its way, `'unknown'` to what is. Resolves once that is done. */
  async abandon(error: WalError): Promise<void> {
    this.#closed = true
    this.#abandoned = error
    clearImmediate(this.#turnEnd)
    for (const group of this.#queue.splice(0)) group.settle({ durable: 'no', error })
    if (this.#onItsWay !== undefined) await this.#written
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
    if (this.#isLargeEnough()) this.#leave()
    else this.#turnEnd ??= setImmediate(() => this.#leave())
  }

  /** Sends the oldest group on its way, if there is one. */
  #leave(): void {
    clearImmediate(this.#turnEnd)
    this.#turnEnd = undefined
    const group = this.#queue.shift()
    if (group === undefined || group.records === 0) return
    this.#onItsWay = group
    this.#written = this.#write(group)
  }

  async #write(group: Group): Promise<void> {
    const { onDurable } = this.#options
    const outcome = await this.#outcomeOf(group)
    this.#onItsWay = undefined
    this.#goal = goalAfter(group.records, this.#waitingRecords())
    if (this.#closed || this.#isLargeEnough()) this.#leave()
    group.settle(outcome)
    if (this.#idle.length < mostIdleGroups) this.#idle.push(group)
    if (outcome.durable === 'yes') onDurable()
    if (this.#onItsWay === undefined && this.#waitingRecords() > 0) this.#leaveOrGather()
  }

  /**
   * Writes the group, unless the directory is lost. If it is lost only afterwards, nobody knows: its
   * next owner may have read the log before a group that was written, or before one that failed was
   * made void. Never rejects: whatever
   * goes wrong, the callers get an answer and the next group its turn.
   */
  async #outcomeOf(group: Group): Promise<SendOutcome> {
    try {
      const before = this.#loss()
      if (before) return { durable: 'no', error: before }
      const outcome = await this.#options.tail.write(group)
      const after = this.#loss()
      return after ? { durable: 'unknown', error: after } : outcome
    } catch (cause) {
      return { durable: 'unknown', error: unexpectedError(group.records, cause) }
    }
  }

  #loss(): WalError | undefined {
    return this.#abandoned ?? this.#options.ownershipLoss()
  }

  /** True if a group has reached its goal, or its largest size. */
  #isLargeEnough(): boolean {
    return this.#queue.length > 1 || this.#waitingRecords() >= this.#goal
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

function unexpectedError(records: number, cause: unknown): WalError {
  const reason = reasonOf(cause)
  return new WalError(
    'ERR_IO',
    `Something went wrong while ${records} records were written, and nobody knows whether they ` +
      `are in the log: ${reason}. See the cause; it may be a defect.`,
    { retryable: true, cause },
  )
}

function closedError(): WalError {
  return new WalError('ERR_CLOSED', 'The log is closed; nothing was written.')
}
