import type { FileLease } from './file-lease.ts'
import type { Log, LogEntry, LogReader } from './log.ts'
import { hashOfId } from './schedule/id-hash.ts'
import type { FoundRecord, Schedule } from './schedule/schedule.ts'

export interface FeedRecallOptions {
  readonly log: Log
  readonly schedule: Schedule
  /** The lowest sequence from this one on that was not looked at. */
  nextUnread(from: number): number
  /** Puts a record into the schedule if it was not looked at and has a delay. */
  schedulesAhead(entry: LogEntry): boolean
  /** How many times the log had to be read from further back. */
  beginnings(): number
  /** Records that were handed out and are not done with. */
  open(): Iterable<FileLease>
  /** A record that was held may be taken now. */
  onLetGo(): void
  /** A record that waited is done with. */
  ended(record: { readonly sequence: number; readonly dueAt: number }): void
}

/** What was found of an id at one target. */
export interface FeedFinding {
  /** Held until they are withdrawn or let go. */
  readonly held: readonly LogEntry[]
  /** True if a delayed record with this id was handed out and is not done with. */
  readonly isHandedOut: boolean
}

/** Read at a time. */
const readLimits = { maxRecords: 1024, maxBytes: 4 << 20 }

/** A gap larger than this is jumped over with a new reader: that has to find its place, too. */
const longGap = 20_000

/**
 * Finds delayed records by their id. The schedule knows those that the feed has come to; so as to
 * know the others, the log is read ahead of the feed, and their delayed records are put into the
 * schedule before their turn. It is read on from where the last recall ended: each record once, and
 * none where nobody ever asks.
 */
export class FeedRecall {
  readonly #options: FeedRecallOptions
  #reader: LogReader | undefined
  /** The feed's count of them when the reader began. */
  #beginnings = 0
  /** One at a time. */
  #last: Promise<unknown> = Promise.resolve()

  constructor(options: FeedRecallOptions) {
    this.#options = options
  }

  find(id: string): Promise<FeedFinding> {
    const found = this.#last.then(() => this.#find(id))
    this.#last = found.catch(() => {})
    return found
  }

  letGo(entries: readonly LogEntry[]): void {
    for (const { sequence } of entries) this.#options.schedule.letGo(sequence)
    this.#options.onLetGo()
  }

  /** The records are done with; the cursor is told, and is still to be synced. */
  async withdraw(entries: readonly LogEntry[]): Promise<void> {
    for (const { sequence, record } of entries) {
      const dueAt = record.dueAt ?? 0
      const onDone = (): void => this.#options.ended({ sequence, dueAt })
      await this.#options.schedule.withdraw({ at: dueAt, sequence }, onDone)
    }
  }

  async close(): Promise<void> {
    await this.#last
    await this.#reader?.close()
  }

  async #find(id: string): Promise<FeedFinding> {
    const { schedule } = this.#options
    const hash = hashOfId(id)
    for (;;) {
      await this.#readAhead()
      const found = await schedule.find(hash)
      // Where its runs were lost meanwhile, what was in them is to be read from the log again.
      if (!this.#isStale) return this.#holdThem(found, hash, id)
    }
  }

  /** True if the log is to be read ahead from the first record on that was not looked at. */
  get #isStale(): boolean {
    return this.#beginnings !== this.#options.beginnings()
  }

  async #holdThem(found: readonly FoundRecord[], hash: number, id: string): Promise<FeedFinding> {
    const { schedule, log } = this.#options
    const held: LogEntry[] = []
    let isTaken = false
    try {
      for (const { address, sequence } of found) {
        const entry = await log.readAt(address)
        if (!isRecalled(entry, id)) continue
        // Whoever took it may still be reading it.
        if (schedule.isTaken(sequence)) isTaken = true
        else if (schedule.hold(sequence)) held.push(entry)
      }
      return { held, isHandedOut: isTaken || (await this.#isHandedOut(hash, id)) }
    } catch (error) {
      this.letGo(held)
      throw error
    }
  }

  async #isHandedOut(hash: number, id: string): Promise<boolean> {
    const alike = [...this.#options.open()].filter(({ idHash }) => idHash === hash)
    for (const { address } of alike) {
      if (isRecalled(await this.#options.log.readAt(address), id)) return true
    }
    return false
  }

  async #readAhead(): Promise<void> {
    const { log, nextUnread, schedulesAhead, schedule } = this.#options
    const upTo = log.lastSequence
    for (;;) {
      if (this.#isStale) await this.#startAgain()
      const from = nextUnread(this.#reader?.position ?? 1)
      if (from > upTo) return
      const reader = await this.#readerNear(from)
      const entries = await reader.read(readLimits)
      const last = entries.at(-1)
      if (!last) return
      if (entries.filter(schedulesAhead).length > 0) await schedule.makeRoom(last.address)
    }
  }

  async #startAgain(): Promise<void> {
    this.#beginnings = this.#options.beginnings()
    const reader = this.#reader
    this.#reader = undefined
    await reader?.close()
  }

  async #readerNear(from: number): Promise<LogReader> {
    const reader = this.#reader
    if (reader && from - reader.position <= longGap) return reader
    await reader?.close()
    this.#reader = this.#options.log.reader(from)
    return this.#reader
  }
}

/** One that is redriven does not wait for its time any more. */
function isRecalled({ record }: LogEntry, id: string): boolean {
  return record.id === id && record.attemptEpoch === 0
}
