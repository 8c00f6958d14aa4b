import type { Clock } from '../../clock.ts'
import { type Delivery, noAttempts } from '../../consumer/consumer.ts'
import type { Cursor } from './cursor.ts'
import { DelayedHeap, type DelayedItem } from './delayed-heap.ts'
import { FileLease } from './file-lease.ts'
import type { Log, LogEntry, LogReader } from './log.ts'

export interface FeedOptions {
  readonly log: Log
  readonly cursor: Cursor
  readonly clock: Clock
}

export interface FeedLimits {
  readonly maxRecords: number
  readonly maxBytes: number
  readonly signal: AbortSignal
}

/** Records read again at once, by their addresses. */
const rereadCount = 32

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
 * It reads the log from the first record that is not done with, passes over those that are or that
 * are meant for another target, and sets records with a delay aside. A record whose delay is over
 * goes before the first one written at or after its due time, and behind all that were written
 * before: also after a restart, when all of them are read anew. Records given back go first.
 */
export class FileFeed {
  readonly #log: Log
  readonly #cursor: Cursor
  readonly #clock: Clock
  #reader: LogReader
  /** Read from the log and not looked at yet, from `#at` on. */
  #entries: readonly LogEntry[] = []
  #at = 0
  /** Records with a delay; by due time (wall clock), then sequence. */
  readonly #delayed = new DelayedHeap()
  /** Records given back; by when they may go out again (monotonic; 0 for at once), then position. */
  readonly #returned = new DelayedHeap()
  readonly #returnedLeases = new Map<number, FileLease>()
  /** Records handed out and not done with, also those given back; in the order of their positions. */
  readonly #open = new Set<FileLease>()
  #lastPosition = 0

  constructor({ log, cursor, clock }: FeedOptions) {
    this.#log = log
    this.#cursor = cursor
    this.#clock = clock
    this.#reader = log.reader(cursor.nextMissing(1))
  }

  /**
   * What may go out now, in its order, within the limits; nothing if there is none. Rejects if the
   * log cannot be read and nothing else may go out.
   */
  async take(limits: FeedLimits): Promise<readonly Delivery[]> {
    const lot = new Lot(limits)
    try {
      await this.#takeReturned(lot)
      await this.#takeNew(lot, limits)
    } catch (error) {
      // What was taken is in nobody's hands yet, so it has to go out. The error comes back.
      if (lot.deliveries.length === 0) throw error
    }
    return lot.deliveries
  }

  /** Ms until something that waits may go out; Infinity if nothing waits. */
  get untilNextMs(): number {
    const untilDue = this.#delayed.nextAt - this.#clock.now()
    const untilReturned = this.#returned.nextAt - this.#clock.monotonic()
    return Math.max(0, Math.min(untilDue, untilReturned))
  }

  giveBack(lease: FileLease, delayMs: number): void {
    const { position, address } = lease
    lease.state = 'returned'
    const at = delayMs > 0 ? this.#clock.monotonic() + delayMs : 0
    this.#returned.push({ at, order: position, address })
    this.#returnedLeases.set(position, lease)
  }

  done(lease: FileLease): void {
    lease.state = 'done'
    this.#open.delete(lease)
  }

  /** The lowest sequence that has not been looked at. */
  get unreadFrom(): number {
    return this.#entries[this.#at]?.sequence ?? this.#reader.position
  }

  /** `writtenAt` of the record that was handed out first and is not done with. */
  get oldestWrittenAt(): number | undefined {
    const [oldest] = this.#open
    return oldest?.writtenAt
  }

  /** How many records up to a sequence are looked at, not done with, and due after an instant. */
  countDueAfter(instant: number, upTo: number): number {
    let count = this.#delayed.count((at, sequence) => at > instant && sequence <= upTo)
    for (const { dueAt, sequence } of this.#open) {
      if (dueAt > instant && sequence <= upTo) count++
    }
    return count
  }

  close(): Promise<void> {
    return this.#reader.close()
  }

  async #takeReturned(lot: Lot): Promise<void> {
    const isReady = (at: number): boolean => at <= this.#clock.monotonic()
    await this.#takeAgain(this.#returned, isReady, lot, (entry, { order }) => {
      const lease = this.#returnedLeases.get(order) ?? new FileLease(entry, order)
      this.#returnedLeases.delete(order)
      lease.state = 'held'
      lot.add(this.#deliver(entry, lease))
    })
  }

  async #takeNew(lot: Lot, { signal }: FeedLimits): Promise<void> {
    const now = this.#clock.now()
    let passedOver = false
    let reads = 0
    while (lot.hasRoom) {
      if (this.#at >= this.#entries.length && signal.aborted && ++reads > mostReadsInVain) break
      const next = this.#entries[this.#at] ?? (await this.#readOn(lot))
      const before = Math.min(now, next ? next.record.writtenAt : Number.POSITIVE_INFINITY)
      if (this.#delayed.nextAt <= before) {
        await this.#takeAgain(
          this.#delayed,
          (at) => at <= before,
          lot,
          (entry) => {
            lot.add(this.#deliver(entry, this.#newLease(entry)))
          },
        )
        if (this.#delayed.nextAt <= before) break
      }
      if (!next || !lot.fits(next)) break
      this.#at++
      if (this.#isForOther(next)) {
        this.#cursor.ack(next.sequence)
        passedOver = true
      } else if (!this.#cursor.isDone(next.sequence)) this.#takeOrSetAside(next, now, lot)
    }
    if (passedOver) void this.#cursor.write()
  }

  #takeOrSetAside(entry: LogEntry, now: number, lot: Lot): void {
    const { dueAt, writtenAt } = entry.record
    // Due when it was written: no delay at all. But never early, whatever the writer's clock said.
    const isDelayed = dueAt !== undefined && (dueAt > writtenAt || dueAt > now)
    if (!isDelayed) lot.add(this.#deliver(entry, this.#newLease(entry)))
    else this.#delayed.push({ at: dueAt, order: entry.sequence, address: entry.address })
  }

  /** Takes from the heap what is ready, and reads it again; what does not fit stays. */
  async #takeAgain(
    heap: DelayedHeap,
    isReady: (at: number) => boolean,
    lot: Lot,
    add: (entry: LogEntry, item: DelayedItem) => void,
  ): Promise<void> {
    while (lot.hasRoom && heap.size > 0 && isReady(heap.nextAt)) {
      const items: DelayedItem[] = []
      const most = Math.min(rereadCount, lot.room)
      while (items.length < most && isReady(heap.nextAt)) items.push(heap.pop() as DelayedItem)
      let added = 0
      try {
        const entries = await Promise.all(items.map(({ address }) => this.#log.readAt(address)))
        for (const [index, entry] of entries.entries()) {
          if (!lot.fits(entry)) break
          add(entry, items[index] as DelayedItem)
          added++
        }
      } finally {
        for (const item of items.slice(added)) heap.push(item)
      }
      if (added < items.length) return
    }
  }

  /** The next entry of the log, read together with as many as may be needed. */
  async #readOn(lot: Lot): Promise<LogEntry | undefined> {
    const from = this.#reader.position
    const missing = this.#cursor.nextMissing(from)
    if (missing - from > longStretch) {
      await this.#reader.close()
      this.#reader = this.#log.reader(missing)
    }
    this.#entries = await this.#reader.read({ maxRecords: lot.room, maxBytes: lot.roomBytes })
    this.#at = 0
    return this.#entries[0]
  }

  #isForOther({ record }: LogEntry): boolean {
    return record.target !== undefined && record.target !== this.#cursor.target
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

/** What one pull is going to answer. */
class Lot {
  readonly deliveries: Delivery[] = []
  readonly #maxRecords: number
  readonly #maxBytes: number
  #bytes = 0

  constructor({ maxRecords, maxBytes }: FeedLimits) {
    this.#maxRecords = maxRecords
    this.#maxBytes = maxBytes
  }

  get room(): number {
    return this.#maxRecords - this.deliveries.length
  }

  get roomBytes(): number {
    return this.#maxBytes - this.#bytes
  }

  get hasRoom(): boolean {
    return this.room > 0 && (this.roomBytes > 0 || this.deliveries.length === 0)
  }

  /** One record goes out even if it alone is too large. */
  fits({ bytes }: LogEntry): boolean {
    return this.deliveries.length === 0 || bytes <= this.roomBytes
  }

  add(delivery: Delivery): void {
    this.deliveries.push(delivery)
    this.#bytes += delivery.bytes
  }
}
