import type { Clock, Timer } from '../../clock.ts'
import type {
  Backlog,
  Consumer,
  Delivery,
  PullAheadOptions,
  PullOptions,
  Release,
  SavedAttempts,
  Watermark,
} from '../../consumer/consumer.ts'
import { WalError } from '../../errors.ts'
import type { StoredRecord } from '../../record.ts'
import { AttemptNotes } from './attempt-notes.ts'
import type { Cursor } from './cursor.ts'
import { takeAhead } from './file-ahead.ts'
import type { FileFeed } from './file-feed.ts'
import { type FileLease, leaseOf } from './file-lease.ts'
import type { FileMark } from './file-marks.ts'
import { FileScout } from './file-scout.ts'
import type { Log } from './log.ts'

export interface FileConsumerOptions {
  readonly log: Log
  readonly cursor: Cursor
  readonly clock: Clock
  readonly feed: FileFeed
  /** Rejects with a `WalError` once the log may no longer be read on or written to. */
  checkOwnership(): Promise<void>
  /** Its feed is not to be used any more. What it is given never rejects. */
  onClosing(closed: Promise<void>): void
  onClosed(): void
}

/** Acks are written once there are so many, or after so long, in ms. */
const mostUnwrittenAcks = 16
const ackAfterMs = 5

/** Longest wait before the clock is looked at again: the wall clock may have been set meanwhile. */
const longestNapMs = 60_000

/**
 * Hands out one target's records from the log, and keeps its cursor. A lease is nothing but memory:
 * whatever is not acked is handed out again after a restart, in its order.
 */
export class FileConsumer implements Consumer {
  readonly #log: Log
  readonly #cursor: Cursor
  readonly #clock: Clock
  readonly #feed: FileFeed
  readonly #scout: FileScout
  readonly #notes: AttemptNotes
  readonly #options: FileConsumerOptions
  readonly #unsubscribe: () => void
  #closed = false
  #closing: Promise<void> | undefined
  /** True if something may have become ready since the feed was last asked. */
  #stirred = false
  /** Ends the wait of the pull under way, if it waits. */
  #wake: (() => void) | undefined
  /** The pull under way, and the look ahead; `close` waits for them. */
  #pulling: Promise<unknown> = Promise.resolve()
  #looking: Promise<unknown> = Promise.resolve()
  readonly #ending = new AbortController()
  #writeTimer: Timer | undefined
  #unwrittenAcks = 0

  constructor(options: FileConsumerOptions) {
    this.#options = options
    this.#log = options.log
    this.#cursor = options.cursor
    this.#clock = options.clock
    this.#feed = options.feed
    this.#notes = new AttemptNotes(options.cursor, options.clock, () => this.#acksAreOnTheirWay())
    this.#scout = new FileScout(options.log, options.cursor.target, options.feed)
    options.feed.onMore = () => this.#stir()
    this.#unsubscribe = options.log.onAppended(() => this.#stir())
  }

  pull(options: PullOptions): Promise<readonly Delivery[]> {
    const pulled = this.#pull(options)
    this.#pulling = pulled.catch(() => {})
    return pulled
  }

  async pullAhead(options: PullAheadOptions): Promise<readonly Delivery[]> {
    if (this.#closed) return []
    const signal = AbortSignal.any([options.signal, this.#ending.signal])
    const taken = takeAhead(this.#log, this.#feed, { ...options, signal })
    this.#looking = taken.catch(() => {})
    return taken
  }

  async ack(deliveries: readonly Delivery[]): Promise<void> {
    if (this.#closed) return
    for (const delivery of deliveries) {
      const lease = leaseOf(delivery)
      if (lease.state !== 'held') continue
      this.#feed.done(lease)
    }
    // The letter of a redriven record is removed after its ack. Were that forgotten, nothing would
    // hold the key any more, and the record would come again behind the later ones of its key.
    if (deliveries.some(({ record }) => record.attemptEpoch > 0)) await this.#cursor.sync()
    // Not waited for: any other ack may be forgotten.
    else this.#writeSoon(deliveries.length)
  }

  async sync(): Promise<void> {
    if (this.#closed || (await this.#cursor.sync())) return
    throw new WalError(
      'ERR_IO',
      `What target '${this.#cursor.target}' is done with could not be synced.`,
      { retryable: true },
    )
  }

  async release(releases: readonly Release[]): Promise<void> {
    if (this.#closed) return
    for (const { delivery, attempts, delayMs } of releases) {
      const lease = leaseOf(delivery)
      if (lease.state !== 'held') continue
      this.#cursor.save(lease.sequence, attempts)
      this.#feed.giveBack(lease, delayMs)
    }
    this.#stir()
    await this.#cursor.write()
  }

  beginAttempts(deliveries: readonly Delivery[], soon?: () => readonly Delivery[]): Promise<void> {
    if (this.#closed) return Promise.resolve()
    const held = this.#heldOf(deliveries)
    return this.#notes.begin(held, () => this.#heldOf(soon?.() ?? []))
  }

  async saveAttempts(saved: readonly SavedAttempts[]): Promise<void> {
    if (this.#closed) return
    for (const { delivery, attempts } of saved) {
      const lease = leaseOf(delivery)
      if (lease.state === 'held') this.#cursor.save(lease.sequence, attempts)
    }
    await this.#cursor.write()
  }

  reload(deliveries: readonly Delivery[]): Promise<readonly StoredRecord[]> {
    return Promise.all(
      deliveries.map(async (delivery) => {
        const { record } = await this.#log.readAt(leaseOf(delivery).address)
        return record
      }),
    )
  }

  /**
   * Counts exactly, unless so much is unread that its delayed records are not known: those then
   * count as pending. `oldestWrittenAt` is that of the record handed out first, or else read next.
   */
  async backlog(): Promise<Backlog> {
    const upTo = this.#log.lastSequence
    const now = this.#clock.now()
    const isComplete = await this.#scout.look(upTo)
    if (!isComplete) await this.#scout.lookAtFirst(upTo)
    const backlog = await this.#feed.count(now, ({ due, delayed }) => {
      if (!this.#scout.isUpToDate) return undefined
      const unread = this.#scout.count(upTo, now)
      const dueUnread = this.#feed.countUnread(upTo) - unread.delayed - unread.forOthers
      const pending = due + Math.max(0, dueUnread)
      const oldestWrittenAt = this.#feed.oldestWrittenAt ?? unread.oldestWrittenAt
      return {
        pending,
        delayed: delayed + unread.delayed,
        oldestWrittenAt: pending === 0 ? undefined : oldestWrittenAt,
        approximate: !isComplete,
      }
    })
    return backlog ?? this.backlog()
  }

  async watermark({ includeDelayed }: { readonly includeDelayed: boolean }): Promise<Watermark> {
    if (includeDelayed) {
      const upTo = this.#log.lastSequence
      return {
        covers: (delivery) => leaseOf(delivery).sequence <= upTo,
        remaining: () => this.#cursor.countMissing(upTo),
      }
    }
    const mark = await this.#feed.mark()
    return {
      covers: (delivery) => mark.covers(leaseOf(delivery)),
      remaining: () => this.#remaining(mark),
    }
  }

  close(): Promise<void> {
    if (this.#closing === undefined) {
      this.#closing = this.#close()
      this.#options.onClosing(this.#closing.catch(() => {}))
    }
    return this.#closing
  }

  async #pull(options: PullOptions): Promise<readonly Delivery[]> {
    for (;;) {
      if (this.#closed) return []
      this.#stirred = false
      await this.#options.checkOwnership()
      const deliveries = await this.#feed.take(options)
      if (this.#closed) return []
      if (deliveries.length > 0 || options.signal.aborted) return deliveries
      if (!this.#stirred) await this.#wait(options.signal)
    }
  }

  /** One timer, only while a pull waits. What was appended or given back, and `close`, end it too. */
  #wait(signal: AbortSignal): Promise<void> {
    return new Promise((resolve) => {
      let timer: Timer | undefined
      const wake = (): void => {
        timer?.cancel()
        signal.removeEventListener('abort', wake)
        this.#wake = undefined
        resolve()
      }
      const napMs = this.#feed.untilNextMs
      if (napMs !== Number.POSITIVE_INFINITY) {
        timer = this.#clock.setTimer(Math.min(napMs, longestNapMs), wake)
      }
      signal.addEventListener('abort', wake, { once: true })
      this.#wake = wake
    })
  }

  #stir(): void {
    this.#stirred = true
    this.#wake?.()
  }

  /** Together with what else is written until then: a write for each ack would cost more than the ack. */
  #writeSoon(acks: number): void {
    this.#unwrittenAcks += acks
    if (this.#unwrittenAcks >= mostUnwrittenAcks) this.#writeAcks()
    else this.#writeTimer ??= this.#clock.setTimer(ackAfterMs, () => this.#writeAcks())
  }

  #writeAcks(): void {
    this.#acksAreOnTheirWay()
    void this.#cursor.write()
  }

  #acksAreOnTheirWay(): void {
    this.#writeTimer?.cancel()
    this.#writeTimer = undefined
    this.#unwrittenAcks = 0
  }

  #heldOf(deliveries: readonly Delivery[]): FileLease[] {
    return deliveries.map(leaseOf).filter(({ state }) => state === 'held')
  }

  /**
   * Counts exactly, unless so much is unread that its delayed records are not known: those then
   * count as remaining until they are.
   */
  async #remaining(mark: FileMark): Promise<number> {
    const { upTo, instant } = mark
    await this.#scout.look(upTo)
    const { delayed, forOthers } = this.#scout.count(upTo, instant)
    return mark.left + this.#feed.countUnread(upTo) - delayed - forOthers
  }

  async #close(): Promise<void> {
    this.#closed = true
    this.#unsubscribe()
    this.#stir()
    this.#ending.abort()
    await this.#pulling
    await this.#looking
    this.#notes.close()
    this.#writeTimer?.cancel()
    // An attempt that a clean end cuts short has not killed the process.
    this.#cursor.endAll()
    await this.#scout.close()
    const isOwned = await this.#options.checkOwnership().then(
      () => true,
      () => false,
    )
    await this.#feed.close({ isOwned })
    await this.#cursor.sync()
    this.#options.onClosed()
  }
}
