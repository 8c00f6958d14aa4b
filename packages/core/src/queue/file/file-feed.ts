import type { Clock } from '../../clock.ts'
import { type Delivery, noAttempts } from '../../consumer/consumer.ts'
import type { StoredRecord } from '../../record.ts'
import type { Cursor } from './cursor.ts'
import type { AckedSequences } from './cursor-acked.ts'
import type { DelayedItem } from './delayed-heap.ts'
import { FeedRecall } from './feed-recall.ts'
import { FileLease } from './file-lease.ts'
import { type FileMark, FileMarks, type MarkedRecord } from './file-marks.ts'
import type { Log, LogEntry, LogPlace, LogReader } from './log.ts'
import { isDelayed, isForOther } from './log-entry.ts'
import { OpenLeases } from './open-leases.ts'
import { type LotLimits, PullLot } from './pull-lot.ts'
import { reread } from './reread.ts'
import { ReturnedRecords } from './returned-records.ts'
import { hashOfId } from './schedule/id-hash.ts'
import { Schedule, type ScheduleOptions } from './schedule/schedule.ts'

export interface FeedOptions {
  readonly log: Log
  readonly cursor: Cursor
  readonly clock: Clock
  /** Where and how the records that wait are kept. */
  readonly schedule: Omit<ScheduleOptions, 'cursor' | 'clock' | 'onDropped'>
}

export interface FeedLimits extends LotLimits {
  readonly signal: AbortSignal
}

/** Reads after which a pull that nobody waits for any more ends: there may be much to pass over. */
const mostReadsInVain = 64

/**
 * A stretch of records that are done with is jumped over, not read, if it is longer than this: a new
 * reader has to find its place in its segment first.
 */
const longStretch = 100_000

/**
 * Decides which record of the log comes next for one target.
 *
 * It reads the log from the first record that is neither done with nor in the schedule, passes over
 * those that are or that are meant for another target, and puts records with a delay into the
 * schedule. A record whose delay is over goes before the first one written at or after its due
 * time, and behind all that were written before: also after a restart, when they are read anew, as
 * far as the machine's clock has not been set back. Records given back go first.
 */
export class FileFeed {
  readonly #log: Log
  readonly #cursor: Cursor
  readonly #clock: Clock
  #reader: LogReader
  /** Read from the log and not looked at yet, from `#at` on. */
  #entries: readonly LogEntry[] = []
  #at = 0
  /** When that was, or a pull began: to ask for each record takes longer than much of what is done for it. */
  #now = 0
  /** Sequences that were looked at, or need not be. */
  #seen: AckedSequences
  readonly #schedule: Schedule
  readonly recalls: FeedRecall
  readonly #marks = new FileMarks()
  readonly #returned: ReturnedRecords
  /** Records handed out and not done with, also those given back; in the order of their positions. */
  readonly #open = new OpenLeases()
  #lastPosition = 0
  /** The log is to be read from further back. */
  #isStale = false
  #beginnings = 0
  /** Called when more may be taken than was known when `take` last answered. */
  onMore: () => void = () => {}
  /** Called for each record that is for that target alone, which is another one. */
  onPassedOver: (target: string) => void = () => {}

  /** Rejects if the runs of the schedule cannot be opened now. */
  static async open(options: FeedOptions): Promise<FileFeed> {
    const { cursor, clock } = options
    let feed: FileFeed | undefined
    const onDropped = (): void => {
      if (feed) feed.#readAgain()
    }
    const schedule = await Schedule.open({ ...options.schedule, cursor, clock, onDropped })
    feed = new FileFeed(options, schedule)
    return feed
  }

  private constructor({ log, cursor, clock }: FeedOptions, schedule: Schedule) {
    this.#log = log
    this.#cursor = cursor
    this.#clock = clock
    this.#schedule = schedule
    this.#returned = new ReturnedRecords(clock)
    this.#seen = cursor.passed()
    this.#reader = log.follow(this.#seen.nextMissing(1))
    this.recalls = new FeedRecall({
      log,
      schedule,
      nextUnread: (from) => this.nextUnread(from),
      schedulesAhead: (entry) => this.#schedulesAhead(entry),
      beginnings: () => this.#beginnings,
      open: () => this.#open,
      onLetGo: () => this.onMore(),
      ended: (record) => this.#ended(record),
    })
  }

  /** What may go out now, in its order, within the limits. Rejects if the log cannot be read and nothing else may go out. */
  async take(limits: FeedLimits): Promise<readonly Delivery[]> {
    const lot = new PullLot(limits)
    try {
      await this.#takeReturned(lot)
      await this.#takeNew(lot, limits)
    } catch (error) {
      // What was taken is in nobody's hands yet, so it has to go out. The error comes back.
      if (lot.deliveries.length === 0) throw error
    }
    return lot.deliveries
  }

  /** Hands out a record before its turn, if it is wanted; asks that only of one that may go. */
  takeAhead(entry: LogEntry, wanted: (record: StoredRecord) => boolean): Delivery | undefined {
    const { sequence, record } = entry
    if (isForOther(entry, this.#cursor.target) || isDelayed(entry, this.#clock.now()))
      return undefined
    if (this.#cursor.isDone(sequence) || this.#seen.has(sequence)) return undefined
    if (!wanted(record)) return undefined
    this.#seen.add(sequence)
    this.#marks.looked(sequence, record.dueAt ?? 0)
    return this.#deliver(entry, this.#newLease(entry))
  }

  /** Ms until something that waits may go out; Infinity if nothing waits. */
  get untilNextMs(): number {
    const untilDue = this.#schedule.nextAt - this.#clock.now()
    return Math.max(0, Math.min(untilDue, this.#returned.untilNextMs))
  }

  giveBack(lease: FileLease, delayMs: number): void {
    this.#returned.add(lease, delayMs)
  }

  done(lease: FileLease): void {
    lease.state = 'done'
    this.#open.delete(lease)
    this.#cursor.ack(lease.sequence)
    if (lease.dueAt > 0) this.#schedule.settle(lease.sequence)
    this.#marks.ended(lease.sequence, lease.dueAt)
  }

  /** How many times the log had to be read from further back: the unread may be before what somebody else has read. */
  get beginnings(): number {
    return this.#beginnings
  }

  /** The lowest sequence that has not been looked at. */
  get unreadFrom(): number {
    return this.#seen.through + 1
  }

  /** A record that was read, at the lowest one or before it as a rule: from there it is soon found. */
  get unreadNear(): LogPlace | undefined {
    return this.#entries[this.#at] ?? this.#entries.at(-1)
  }

  /** The lowest one from this one on. */
  nextUnread(from: number): number {
    return this.#seen.nextMissing(from)
  }

  /** How many records up to a sequence have not been looked at. */
  countUnread(upTo: number): number {
    return this.#seen.countMissing(upTo)
  }

  isUnread(sequence: number): boolean {
    return !this.#seen.has(sequence)
  }

  /** `writtenAt` of the record that was handed out first and is not done with. */
  get oldestWrittenAt(): number | undefined {
    return this.#open.oldest?.writtenAt
  }

  /** Counts the records that were looked at and are not done with, and tells it in the call. */
  count<T>(instant: number, use: (counts: LookedAt) => T): Promise<T> {
    return this.#schedule.countAfter(instant, (waiting) => {
      const { lastSequence } = this.#log
      const left = this.#cursor.countMissing(lastSequence) - this.#seen.countMissing(lastSequence)
      let delayed = waiting
      for (const { dueAt } of this.#open) if (dueAt > instant) delayed++
      return use({ due: Math.max(0, left - delayed), delayed })
    })
  }

  /** Marks the end of the log, and what is due, as they are now. */
  mark(): Promise<FileMark> {
    const instant = this.#clock.now()
    return this.count(instant, ({ due }) => {
      return this.#marks.add(this.#log.lastSequence, instant, due)
    })
  }

  /** The runs of the schedule are lost: what is not in memory is read from the log again. */
  #readAgain(): void {
    const kept = new Map<number, number>()
    for (const { order, at } of this.#schedule.kept()) kept.set(order, at)
    for (const { sequence, dueAt } of this.#open) kept.set(sequence, dueAt)
    const seen = this.#cursor.done()
    for (const sequence of kept.keys()) seen.add(sequence)
    this.#seen = seen
    this.#isStale = true
    this.#beginnings++
    this.#marks.recount((covers) => {
      let left = 0
      for (const [sequence, dueAt] of kept) if (covers(sequence, dueAt)) left++
      return left
    })
    this.onMore()
  }

  /** A record that waited is done with. One that is to be read again does not count as looked at. */
  #ended(record: MarkedRecord): void {
    if (this.#seen.has(record.sequence)) this.#marks.ended(record.sequence, record.dueAt)
  }

  /** `isOwned`: the directory is still ours, and may be written to. */
  async close(options: { readonly isOwned: boolean }): Promise<void> {
    await this.recalls.close()
    await this.#reader.close()
    await this.#schedule.close(options)
  }

  #takeReturned(lot: PullLot): Promise<void> {
    return reread(this.#log, lot, this.#returned, (entry, item) => {
      lot.add(this.#deliver(entry, this.#returned.lease(item)))
    })
  }

  #takeDue(lot: PullLot, before: number): Promise<void> {
    const waiting = {
      isReady: () => this.#schedule.nextAt <= before,
      take: (most: number) => this.#schedule.take(before, most),
      putBack: (items: readonly DelayedItem[]) => this.#schedule.putBack(items),
    }
    return reread(this.#log, lot, waiting, (entry) => {
      lot.add(this.#deliver(entry, this.#newLease(entry)))
    })
  }

  async #takeNew(lot: PullLot, { signal }: FeedLimits): Promise<void> {
    let reads = 0
    this.#now = this.#clock.now()
    while (lot.hasRoom) {
      if (this.#isStale) await this.#startAgain()
      if (this.#at >= this.#entries.length && signal.aborted && ++reads > mostReadsInVain) break
      const next = this.#entries[this.#at] ?? (await this.#readOn(lot))
      const before = Math.min(this.#now, next?.record.writtenAt ?? Number.POSITIVE_INFINITY)
      if (this.#schedule.nextAt <= before) await this.#takeDue(lot, before)
      if (this.#isStale) continue
      if (this.#schedule.nextAt <= before || !next || !lot.fits(next)) break
      this.#at++
      if (this.#isNew(next)) this.#takeOrSetAside(next, lot)
    }
    void this.#cursor.write()
  }

  /** False if it was looked at before, is done with, or is for another target and now done with. */
  #isNew(entry: LogEntry): boolean {
    const { sequence } = entry
    if (!this.#seen.add(sequence) || this.#cursor.isDone(sequence)) return false
    if (!isForOther(entry, this.#cursor.target)) return true
    this.#cursor.ack(sequence)
    this.onPassedOver(entry.record.target)
    return false
  }

  async #startAgain(): Promise<void> {
    await this.#reader.close()
    this.#isStale = false
    this.#entries = []
    this.#at = 0
    this.#reader = this.#log.follow(this.#seen.nextMissing(1))
  }

  #takeOrSetAside(entry: LogEntry, lot: PullLot): void {
    if (isDelayed(entry, this.#now)) this.#setAside(entry)
    else {
      this.#marks.looked(entry.sequence, entry.record.dueAt ?? 0)
      lot.add(this.#deliver(entry, this.#newLease(entry)))
    }
  }

  #setAside({ sequence, address, record }: LogEntry): void {
    const { id, dueAt = 0 } = record
    this.#marks.looked(sequence, dueAt)
    this.#schedule.push({ at: dueAt, order: sequence, address, hash: hashOfId(id) })
  }

  /** Sets a record aside before its turn. The others are left to when it comes. */
  #schedulesAhead(entry: LogEntry): boolean {
    const isTaken = this.#seen.has(entry.sequence) || isForOther(entry, this.#cursor.target)
    if (isTaken || !isDelayed(entry, this.#clock.now())) return false
    this.#seen.add(entry.sequence)
    this.#setAside(entry)
    this.onMore()
    return true
  }

  /** The next entry of the log, read together with as many as may be needed. */
  async #readOn(lot: PullLot): Promise<LogEntry | undefined> {
    const read = this.#entries.at(-1)
    if (read) await this.#schedule.makeRoom(read.address)
    const from = this.#reader.position
    const missing = this.#seen.nextMissing(from)
    if (missing - from > longStretch) {
      await this.#reader.close()
      this.#reader = this.#log.follow(missing)
    }
    this.#entries = await this.#reader.read({ maxRecords: lot.room, maxBytes: lot.roomBytes })
    this.#at = 0
    // Not before the read: what it met may have been written after something fell due meanwhile.
    this.#now = this.#clock.now()
    return this.#entries[0]
  }

  #newLease(entry: LogEntry): FileLease {
    const lease = new FileLease(entry, ++this.#lastPosition)
    this.#open.add(lease)
    return lease
  }

  #deliver({ record, bytes, sequence }: LogEntry, lease: FileLease): Delivery {
    return {
      record,
      position: lease.position,
      bytes,
      attempts: this.#cursor.attemptsOf(sequence) ?? noAttempts,
      handle: lease,
    }
  }
}

/** Records that were looked at and are not done with. */
export interface LookedAt {
  readonly due: number
  /** Due after the instant asked for. */
  readonly delayed: number
}
