import type { FileFeed } from './file-feed.ts'
import type { Log, LogEntry, LogReader } from './log.ts'

/** Most records that are read only to count them. */
const mostAhead = 4096

/** And bytes, each time somebody asks. */
const mostBytesAhead = 8 << 20

/** A gap larger than this is jumped over: that takes a new reader, which has to open the file. */
const longGap = 64

/** The same where nothing is known of where to jump: a new reader has to search all of a segment for it. */
const longGapUnknown = 20_000

/** What a record that nobody has looked at yet counts as. */
interface Sight {
  readonly sequence: number
  readonly writtenAt: number
  /** 0 if it has no delay. */
  readonly dueAt: number
  readonly isForOther: boolean
}

export interface UnreadCount {
  /** Due after the instant asked for. */
  readonly delayed: number
  /** Meant for another target. */
  readonly forOthers: number
  /** `writtenAt` of the first one that is neither. */
  readonly oldestWrittenAt: number | undefined
}

/** What the feed has looked at already is not counted here. */
export type Looked = Pick<
  FileFeed,
  'unreadFrom' | 'unreadNear' | 'nextUnread' | 'countUnread' | 'isUnread' | 'beginnings'
>

/**
 * Looks ahead of a consumer in the log, only to count: by a reader of its own, which remembers what
 * it saw, so that counting again reads only what is new.
 */
export class FileScout {
  readonly #log: Log
  readonly #target: string
  readonly #feed: Looked
  #reader: LogReader | undefined
  /** The feed's count of them when the reader began. */
  #beginnings = 0
  /** Unread records, every one from the first here up to the reader's position. */
  #sights: Sight[] = []
  /** One look at a time. */
  #looking: Promise<boolean> = Promise.resolve(true)

  constructor(log: Log, target: string, feed: Looked) {
    this.#log = log
    this.#target = target
    this.#feed = feed
  }

  /** Looks at the unread records up to `upTo`, if they are few: true once all of them were looked at. */
  look(upTo: number): Promise<boolean> {
    return this.#inTurn(async () => {
      const isFew = this.#feed.countUnread(upTo) <= mostAhead
      return isFew && (await this.#look(upTo))
    })
  }

  /** Looks at the first unread record alone, of how many there may be up to `upTo`. */
  lookAtFirst(upTo: number): Promise<boolean> {
    return this.#inTurn(() => this.#look(Math.min(upTo, this.#feed.unreadFrom)))
  }

  /** False if the feed is to read the log from further back since: look again. */
  get isUpToDate(): boolean {
    return this.#beginnings === this.#feed.beginnings
  }

  /** Counts what it has looked at, without what the feed has looked at meanwhile. */
  count(upTo: number, instant: number): UnreadCount {
    const unread = this.#sights.filter(
      ({ sequence }) => sequence <= upTo && this.#feed.isUnread(sequence),
    )
    const isDelayed = ({ isForOther, dueAt }: Sight): boolean => !isForOther && dueAt > instant
    const oldest = unread.find((sight) => !sight.isForOther && !isDelayed(sight))
    return {
      delayed: unread.filter(isDelayed).length,
      forOthers: unread.filter(({ isForOther }) => isForOther).length,
      oldestWrittenAt: oldest?.writtenAt,
    }
  }

  async close(): Promise<void> {
    await this.#looking
    await this.#reader?.close()
  }

  #inTurn(look: () => Promise<boolean>): Promise<boolean> {
    this.#looking = this.#looking.then(look).catch(() => false)
    return this.#looking
  }

  /** True if all were looked at. */
  async #look(upTo: number): Promise<boolean> {
    this.#sights = this.#sights.filter(({ sequence }) => this.#feed.isUnread(sequence))
    let bytesLeft = mostBytesAhead
    for (;;) {
      if (!this.isUpToDate) return this.#startAgain(upTo)
      const from = this.#nextUnread()
      if (from > upTo) return true
      if (bytesLeft <= 0) return false
      const reader = await this.#readerNear(from)
      const maxRecords = Math.min(upTo - reader.position + 1, mostAhead)
      const entries = await reader.read({ maxRecords, maxBytes: bytesLeft })
      if (entries.length === 0) return false
      for (const entry of entries) {
        bytesLeft -= entry.bytes
        if (this.#feed.isUnread(entry.sequence)) this.#sights.push(this.#sightOf(entry))
      }
    }
  }

  async #startAgain(upTo: number): Promise<boolean> {
    this.#beginnings = this.#feed.beginnings
    this.#sights = []
    const reader = this.#reader
    this.#reader = undefined
    await reader?.close()
    return this.#look(upTo)
  }

  /** The lowest sequence that neither the feed nor this has looked at. */
  #nextUnread(): number {
    const { unreadFrom } = this.#feed
    const position = this.#reader?.position ?? unreadFrom
    return position > unreadFrom ? this.#feed.nextUnread(position) : unreadFrom
  }

  async #readerNear(from: number): Promise<LogReader> {
    const near = this.#feed.unreadNear
    const reader = this.#reader
    if (reader) {
      const isFurther = near !== undefined && near.sequence > reader.position
      const gap = from - reader.position
      if (gap <= (isFurther ? longGap : longGapUnknown)) return reader
      await reader.close()
    }
    this.#reader = this.#log.reader(from, near)
    return this.#reader
  }

  #sightOf({ sequence, record }: LogEntry): Sight {
    const { writtenAt, dueAt = 0, target } = record
    const isForOther = target !== undefined && target !== this.#target
    return { sequence, writtenAt, dueAt, isForOther }
  }
}
