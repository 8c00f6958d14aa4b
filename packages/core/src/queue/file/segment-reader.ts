import { diskError } from './file-queue-error.ts'
import type { File, FileSystem } from './file-system.ts'
import { type FramePosition, FrameWalker } from './frame-walker.ts'
import type { LogEntry, ReadLimits } from './log-entry.ts'
import { corruptLog } from './log-errors.ts'
import { addressOf, type LogSegment } from './log-segments.ts'
import { decodeRecord } from './record-format.ts'
import { segmentHeaderBytes, segmentSalt } from './segment-header.ts'

/** Reads the durable records of one segment in order, also while it grows. */
export class SegmentReader {
  readonly segment: LogSegment
  readonly #file: File
  readonly #walker: FrameWalker

  private constructor(segment: LogSegment, file: File, from: FramePosition) {
    this.segment = segment
    this.#file = file
    this.#walker = new FrameWalker(file, segmentSalt(segment.header), from)
  }

  /** Begins with a record of the segment that is known to be there, or with the first one. */
  static async open(
    fileSystem: FileSystem,
    segment: LogSegment,
    from: FramePosition = firstFrame(segment),
  ): Promise<SegmentReader> {
    try {
      return new SegmentReader(segment, await fileSystem.open(segment.path, 'read'), from)
    } catch (cause) {
      throw diskError('read', segment.path, cause)
    }
  }

  /** Where it is in the segment. */
  get offset(): number {
    return this.#walker.offset
  }

  /** True if there is nothing more to read for now. */
  get isAtEnd(): boolean {
    return this.#walker.offset >= this.segment.end
  }

  /**
   * Adds entries from the sequence given on, until they reach the limits or the segment's end.
   * Rejects like `LogReader.read`; what was added until then is good.
   */
  async readInto(entries: LogEntry[], from: number, limits: ReadLimits): Promise<void> {
    const walker = this.#walker
    let bytes = 0
    while (!this.isAtEnd && entries.length < limits.maxRecords && bytes < limits.maxBytes) {
      const { end } = this.segment
      if (!(walker.check(end) ?? (await this.#load(end)))) throw this.#damage()
      if (!walker.isMarker && walker.sequence >= from) {
        entries.push(this.#entry())
        bytes += walker.bytes
      }
      walker.advance()
    }
    if (this.isAtEnd) walker.rest()
  }

  async close(): Promise<void> {
    await this.#file.close()
  }

  async #load(end: number): Promise<boolean> {
    try {
      return await this.#walker.load(end)
    } catch (cause) {
      throw diskError('read', this.segment.path, cause)
    }
  }

  #entry(): LogEntry {
    const { sequence, offset, bytes, buffer, bodyStart, bodyEnd, take } = this.#walker
    const { namespace } = this.segment.header
    return {
      sequence,
      address: addressOf(this.segment, offset),
      bytes,
      record: decodeRecord(buffer, bodyStart, bodyEnd, namespace, take),
    }
  }

  #damage(): Error {
    return corruptLog({
      path: this.segment.path,
      offset: this.#walker.offset,
      sequence: this.#walker.sequence,
      what: 'a record is damaged',
      proof: `the segment is whole up to offset ${this.segment.end}`,
    })
  }
}

function firstFrame({ header }: LogSegment): FramePosition {
  return { offset: segmentHeaderBytes, sequence: header.baseSequence }
}
