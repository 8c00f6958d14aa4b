import type { Cursor } from './cursor.ts'
import type { Log, LogEntry, LogReader } from './log.ts'

/** Most records that are read only to count them. */
const mostAhead = 4096

/** Read at a time. */
const readLimits = { maxRecords: mostAhead, maxBytes: 8 << 20 }

/** A gap larger than this is jumped over with a new reader: that has to find its place, too. */
const longGap = 20_000

/** What a record that nobody has looked at yet counts as. */
interface Sight {
  readonly sequence: number
  readonly writtenAt: number
  /** 0 if it has no delay. */
  readonly dueAt: number
  readonly isForOther: boolean
}

export interface UnreadCount {
  /** True if every unread record was looked at. */
  readonly isComplete: boolean
  /** Due after the instant asked for. */
  readonly delayed: number
  /** Meant for another target. */
  readonly forOthers: number
  /** `writtenAt` of the first one that is neither. */
  readonly oldestWrittenAt: number | undefined
}

/**
 * Looks ahead of a consumer in the log, only to count: by a reader of its own, which remembers what
 * it saw, so that counting again reads only what is new.
 */
export class FileScout {
  readonly #log: Log
  readonly #cursor: Cursor
  #reader: LogReader | undefined
  /** Every record from the first here up to the reader's position. */
  #sights: Sight[] = []
  /** One look at a time. */
  #looking: Promise<boolean> = Promise.resolve(true)

  constructor(log: Log, cursor: Cursor) {
    this.#log = log
    this.#cursor = cursor
  }

  /**
   * Counts the records up to `upTo` that are unread by then: from what `unreadFrom` answers, for
   * the consumer may read on meanwhile. If they are too many, only the first one is looked at.
   */
  async count(upTo: number, instant: number, unreadFrom: () => number): Promise<UnreadCount> {
    this.#looking = this.#looking.then(() => this.#look(unreadFrom(), upTo)).catch(() => false)
    const isComplete = await this.#looking
    const from = unreadFrom()
    const unread = this.#sights.filter(
      ({ sequence }) => sequence >= from && sequence <= upTo && !this.#cursor.isDone(sequence),
    )
    const isDelayed = ({ isForOther, dueAt }: Sight): boolean => !isForOther && dueAt > instant
    const oldest = unread.find((sight) => !sight.isForOther && !isDelayed(sight))
    return {
      isComplete,
      delayed: unread.filter(isDelayed).length,
      forOthers: unread.filter(({ isForOther }) => isForOther).length,
      oldestWrittenAt: oldest?.writtenAt,
    }
  }

  async close(): Promise<void> {
    await this.#looking
    await this.#reader?.close()
  }

  /** True if all were looked at. */
  async #look(from: number, upTo: number): Promise<boolean> {
    if (from > upTo) return true
    this.#sights = this.#sights.filter(({ sequence }) => sequence >= from)
    const isFew = upTo - from < mostAhead
    const target = isFew ? upTo : from
    const reader = await this.#readerNear(from)
    while (reader.position <= target) {
      const left = target - reader.position + 1
      const limits = { ...readLimits, maxRecords: Math.min(left, readLimits.maxRecords) }
      const entries = await reader.read(limits)
      if (entries.length === 0) return false
      for (const entry of entries) {
        if (entry.sequence >= from) this.#sights.push(this.#sightOf(entry))
      }
    }
    return isFew
  }

  async #readerNear(from: number): Promise<LogReader> {
    const reader = this.#reader
    if (reader && from - reader.position <= longGap) return reader
    await reader?.close()
    this.#reader = this.#log.reader(from)
    return this.#reader
  }

  #sightOf({ sequence, record }: LogEntry): Sight {
    const { writtenAt, dueAt = 0, target } = record
    const isForOther = target !== undefined && target !== this.#cursor.target
    return { sequence, writtenAt, dueAt, isForOther }
  }
}
