import { WalError } from '../../errors.ts'
import type { FileSystem } from './file-system.ts'
import type { FramePosition } from './frame-walker.ts'
import type { LogEntry, LogPlace, LogReader, ReadLimits } from './log-entry.ts'
import type { LogSegment, LogSegments } from './log-segments.ts'
import { SegmentReader } from './segment-reader.ts'

export interface LogReaderOptions {
  readonly fileSystem: FileSystem
  readonly segments: LogSegments
  /** The sequence to begin with. */
  readonly from: number
  /** See `Log.reader`. */
  readonly near?: LogPlace | undefined
  onClosed(reader: SegmentedLogReader): void
}

/**
 * Reads a log's durable records in order, from segment to segment. Where those at its position are
 * no longer kept it goes on with the first that is.
 */
export class SegmentedLogReader implements LogReader {
  readonly #fileSystem: FileSystem
  readonly #segments: LogSegments
  #position: number
  /** Until it has begun. */
  #near: LogPlace | undefined
  #current: SegmentReader | undefined
  /** The segment whose file is being opened. */
  #opening: LogSegment | undefined
  /** The read under way. */
  #reading: Promise<unknown> | undefined
  #closed = false
  readonly #onClosed: (reader: SegmentedLogReader) => void

  constructor(options: LogReaderOptions) {
    this.#fileSystem = options.fileSystem
    this.#segments = options.segments
    this.#position = options.from
    // Not the entry that it may be: that holds on to its record.
    if (options.near) {
      const { sequence, address } = options.near
      this.#near = { sequence, address }
    }
    this.#onClosed = options.onClosed
  }

  get position(): number {
    return this.#position
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
        const reader = await this.#readerWithMore()
        if (reader === undefined) break
        const before = entries.length
        try {
          const left = { maxRecords, maxBytes: maxBytes - bytes }
          await reader.readInto(entries, this.#position, left)
        } finally {
          for (let at = before; at < entries.length; at++) bytes += entries[at]?.bytes ?? 0
          this.#position = (entries.at(-1)?.sequence ?? this.#position - 1) + 1
        }
      }
    } catch (error) {
      // What was read before is handed out first; the next call meets the failure again.
      if (entries.length === 0) throw error
    }
    return entries
  }

  async #leave(): Promise<void> {
    const current = this.#current
    this.#current = undefined
    await current?.close()
  }

  /** The reader of the segment at the position, or undefined at the durable end. */
  async #readerWithMore(): Promise<SegmentReader | undefined> {
    if (this.#closed) throw new WalError('ERR_CLOSED', 'The reader of the log is closed.')
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
