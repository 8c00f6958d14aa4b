import { WalError } from '../../errors.ts'
import type { FileSystem } from './file-system.ts'
import type { LogEntry, LogReader, ReadLimits } from './log-entry.ts'
import type { LogSegments } from './log-segments.ts'
import { SegmentReader } from './segment-reader.ts'

/** Reads a log's durable records in order, from segment to segment. */
export class SegmentedLogReader implements LogReader {
  readonly #fileSystem: FileSystem
  readonly #segments: LogSegments
  #position: number
  #current: SegmentReader | undefined
  #closed = false

  constructor(fileSystem: FileSystem, segments: LogSegments, from: number) {
    this.#fileSystem = fileSystem
    this.#segments = segments
    this.#position = from
  }

  get position(): number {
    return this.#position
  }

  async read({ maxRecords, maxBytes }: ReadLimits): Promise<readonly LogEntry[]> {
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

  async close(): Promise<void> {
    this.#closed = true
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
        : this.#segments.holding(this.#position)
      if (next === undefined) return undefined
      await this.#current?.close()
      this.#current = undefined
      this.#current = await SegmentReader.open(this.#fileSystem, next)
    }
    return this.#current
  }
}
