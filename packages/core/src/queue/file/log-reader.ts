import { WalError } from '../../errors.ts'
import type { FileSystem } from './file-system.ts'
import type { FramePosition } from './frame-walker.ts'
import type { LogEntry, LogPlace, LogReader, ReadLimits } from './log-entry.ts'
import { addressOf, type LogSegment, type LogSegments } from './log-segments.ts'
import type { RecentGroups } from './recent-groups.ts'
import { RecentReader } from './recent-reader.ts'
import { SegmentReader } from './segment-reader.ts'

export interface LogReaderOptions {
  readonly fileSystem: FileSystem
  readonly segments: LogSegments
  /** The sequence to begin with. */
  readonly from: number
  /** See `Log.reader`. */
  readonly near?: LogPlace | undefined
  /** Given to a follower: what is in memory of the log. */
  readonly recent?: RecentGroups | undefined
  onClosed(reader: SegmentedLogReader): void
}

/**
 * Reads a log's durable records in order, from segment to segment. Where those at its position are
 * no longer kept it goes on with the first that is.
 *
 * States: `#current` is set while it reads a file. While a follower reads from memory it has none open, and
 * `#near` says where to go on in a file once memory does not have the next record.
 */
export class SegmentedLogReader implements LogReader {
  readonly #fileSystem: FileSystem
  readonly #segments: LogSegments
  #position: number
  /** Until it has begun, and while it reads from memory. */
  #near: LogPlace | undefined
  #current: SegmentReader | undefined
  /** The segment whose file is being opened. */
  #opening: LogSegment | undefined
  /** The read under way. */
  #reading: Promise<unknown> | undefined
  #closed = false
  readonly #recent: RecentGroups | undefined
  readonly #memory: RecentReader | undefined
  readonly #onClosed: (reader: SegmentedLogReader) => void

  constructor(options: LogReaderOptions) {
    this.#fileSystem = options.fileSystem
    this.#segments = options.segments
    this.#position = options.from
    this.#near = placeOf(options.near)
    this.#onClosed = options.onClosed
    this.#recent = options.recent
    this.#memory = options.recent && new RecentReader(options.recent)
    options.recent?.follow(this)
  }

  get position(): number {
    return this.#position
  }

  /** That of its next record or, if it does not know, of one before that. */
  get address(): number {
    if (this.#current) return addressOf(this.#current.segment, this.#current.offset)
    return this.#isAtEnd ? Number.POSITIVE_INFINITY : (this.#near?.address ?? 0)
  }

  read(limits: ReadLimits): Promise<readonly LogEntry[]> {
    const reading = this.#read(limits).finally(() => {
      this.#reading = undefined
    })
    this.#reading = reading.catch(() => {})
    return reading
  }

  async close(): Promise<void> {
    this.#closed = true
    this.#onClosed(this)
    this.#recent?.leave(this)
    await this.#leave()
  }

  /** Gives up the file of each of these segments, once the read under way is done with it. */
  async letGo(segments: readonly LogSegment[]): Promise<void> {
    for (;;) {
      const segment = this.#opening ?? this.#current?.segment
      if (segment === undefined || !segments.includes(segment)) return
      await (this.#reading ?? this.#leave())
    }
  }

  async #read({ maxRecords, maxBytes }: ReadLimits): Promise<readonly LogEntry[]> {
    const entries: LogEntry[] = []
    let bytes = 0
    try {
      while (entries.length < maxRecords && bytes < maxBytes) {
        if (this.#closed) throw new WalError('ERR_CLOSED', 'The reader of the log is closed.')
        const before = entries.length
        const left = { maxRecords, maxBytes: maxBytes - bytes }
        try {
          const isRead =
            (await this.#readMemory(entries, left)) || (await this.#readFile(entries, left))
          if (!isRead) break
        } finally {
          for (let at = before; at < entries.length; at++) bytes += entries[at]?.bytes ?? 0
          this.#position = (entries.at(-1)?.sequence ?? this.#position - 1) + 1
        }
      }
    } catch (error) {
      // What was read before is handed out first; the next call meets the failure again.
      if (entries.length === 0) throw error
    }
    this.#recent?.letGoOfRead()
    return entries
  }

  /** False if the next record is not in memory. */
  async #readMemory(entries: LogEntry[], limits: ReadLimits): Promise<boolean> {
    const before = entries.length
    this.#memory?.readInto(entries, this.#position, limits)
    if (entries.length === before) return false
    this.#near = placeOf(entries.at(-1))
    if (this.#current) await this.#leave()
    return true
  }

  /** False at the durable end. */
  async #readFile(entries: LogEntry[], limits: ReadLimits): Promise<boolean> {
    if (this.#isAtEnd) return false
    const reader = await this.#readerWithMore()
    await reader?.readInto(entries, this.#position, limits)
    return reader !== undefined
  }

  get #isAtEnd(): boolean {
    return (this.#segments.last?.lastSequence ?? 0) < this.#position
  }

  async #leave(): Promise<void> {
    const current = this.#current
    this.#current = undefined
    await current?.close()
  }

  /** The reader of the segment at the position, or undefined at the durable end. */
  async #readerWithMore(): Promise<SegmentReader | undefined> {
    while (this.#current?.isAtEnd !== false) {
      const next = this.#current
        ? this.#segments.after(this.#current.segment)
        : (this.#segments.holding(this.#position) ?? this.#segments.first)
      if (next === undefined) return undefined
      await this.#moveTo(next)
    }
    return this.#current
  }

  async #moveTo(segment: LogSegment): Promise<void> {
    this.#opening = segment
    try {
      await this.#leave()
      this.#current = await SegmentReader.open(this.#fileSystem, segment, this.#startIn(segment))
      this.#near = undefined
    } finally {
      this.#opening = undefined
    }
  }

  /** Undefined for the segment's first record. */
  #startIn(segment: LogSegment): FramePosition | undefined {
    const near = this.#near
    if (near === undefined || near.sequence > this.#position) return undefined
    if (this.#segments.at(near.address) !== segment) return undefined
    return { offset: near.address - segment.header.position, sequence: near.sequence }
  }
}

/** The place alone, not the entry that it may be: that holds on to its record. */
function placeOf(place: LogPlace | undefined): LogPlace | undefined {
  return place && { sequence: place.sequence, address: place.address }
}
