import type { ReadableFile } from '../file-system.ts'
import { type FramePosition, FrameWalker } from '../frame-walker.ts'
import { recordKind, recordVersion } from '../record-format.ts'
import { segmentHeaderBytes } from '../segment-header.ts'
import { searchTail } from '../segment-scan.ts'

/** What is known of a segment before its frames are read. */
export interface SegmentPlace {
  readonly salt: number
  /** Sequence of its first record. Undefined where its header cannot be read. */
  readonly baseSequence: number | undefined
  /** Lower sequences are of earlier segments. */
  readonly leastSequence: number
  /** From this sequence on records are of later segments; Infinity where none is known. */
  readonly belowSequence: number
  /** Frames end before this offset, or there. */
  readonly limit: number
}

/** Bytes between two frames, or before the first one, where no frame can be read. */
export interface SegmentGap {
  readonly from: number
  readonly to: number
  /** How many records were read before it. */
  readonly recordsBefore: number
  /** The sequence that comes next before it, if that can be told. */
  readonly before: number | undefined
  /** The sequence that comes next behind it. */
  readonly behind: number
}

/** What a segment's frames turned out to be. */
export interface SegmentContents {
  readonly records: number
  readonly markers: number
  /** 0 if there is no record. */
  readonly firstSequence: number
  readonly lastSequence: number
  readonly highestVersion: bigint
  /** Of the first frame that was read; undefined if none was. */
  readonly begins: FramePosition | undefined
  readonly gaps: readonly SegmentGap[]
  /** Where the last frame ends: at `limit`, or where nothing more can be read. */
  readonly end: number
  /** The sequence that would come next; undefined if nothing could be read. */
  readonly nextSequence: number | undefined
  /** Some frame says that all before this offset had been synced. */
  readonly syncedTo: number
  /** Records of the last group: no frame says that they had been synced. */
  readonly unconfirmed: number
  /** True if the last frame is a marker. */
  readonly marked: boolean
  /** True if there are but zeros from `end` to `limit`. */
  readonly restIsZero: boolean
}

/** Is shown the frames one by one. */
export interface FrameVisitor {
  /** The walker stands on a record; its buffer is used again after the call. */
  record(walker: FrameWalker): void
  /** Called now and then between two records. The reading waits for it. */
  pause(): Promise<void> | void
}

/** Reads a segment's frames, also behind bytes that are damaged, up to where nothing is found. */
export async function surveySegment(
  file: ReadableFile,
  place: SegmentPlace,
  visitor: FrameVisitor,
): Promise<SegmentContents> {
  const survey = new SegmentSurvey(file, place, visitor)
  return survey.run()
}

class SegmentSurvey {
  readonly #file: ReadableFile
  readonly #place: SegmentPlace
  readonly #visitor: FrameVisitor
  #begins: FramePosition | undefined
  readonly #gaps: SegmentGap[] = []
  #records = 0
  #markers = 0
  #firstSequence = 0
  #lastSequence = 0
  #highestVersion = 0n
  #syncedTo = 0
  #unconfirmed = 0
  #marked = false
  #end = segmentHeaderBytes
  #nextSequence: number | undefined
  #restIsZero = true

  constructor(file: ReadableFile, place: SegmentPlace, visitor: FrameVisitor) {
    this.#file = file
    this.#place = place
    this.#visitor = visitor
  }

  async run(): Promise<SegmentContents> {
    const { baseSequence, limit } = this.#place
    this.#nextSequence = baseSequence
    if (baseSequence !== undefined) {
      await this.#walk({ offset: segmentHeaderBytes, sequence: baseSequence })
    }
    let searchFrom = this.#end
    while (this.#end < limit) {
      const found = await this.#search(searchFrom)
      if (found === undefined) break
      // A frame that is found may be a void one: the search then goes on behind it.
      searchFrom = (await this.#walk(found)) ? this.#end : found.offset + 8
    }
    return {
      records: this.#records,
      markers: this.#markers,
      firstSequence: this.#firstSequence,
      lastSequence: this.#lastSequence,
      highestVersion: this.#highestVersion,
      begins: this.#begins,
      gaps: this.#gaps,
      end: this.#end,
      nextSequence: this.#nextSequence,
      syncedTo: this.#syncedTo,
      unconfirmed: this.#unconfirmed,
      marked: this.#marked,
      restIsZero: this.#end >= limit || this.#restIsZero,
    }
  }

  /** Goes from frame to frame as far as it can. False if the first is none of this segment. */
  async #walk(from: FramePosition): Promise<boolean> {
    const { salt, limit, belowSequence } = this.#place
    const walker = new FrameWalker(this.#file, salt, from)
    let count = 0
    for (;;) {
      let isFrame = walker.check(limit)
      if (isFrame === undefined) {
        await this.#visitor.pause()
        isFrame = await walker.load(limit)
      }
      if (!isFrame || (!walker.isMarker && walker.sequence >= belowSequence)) break
      if (count === 0) this.#noteStart(walker)
      count += 1
      this.#take(walker)
      walker.advance()
      this.#end = walker.offset
      this.#nextSequence = walker.sequence
    }
    walker.rest()
    return count > 0
  }

  /** Of a row of frames: what lies before it is a gap, if it is not where the last one ended. */
  #noteStart({ offset, sequence }: FrameWalker): void {
    this.#begins ??= { offset, sequence }
    const before = this.#nextSequence
    if (offset === this.#end && (before ?? sequence) === sequence) return
    const recordsBefore = this.#records
    this.#gaps.push({ from: this.#end, to: offset, recordsBefore, before, behind: sequence })
  }

  #take(walker: FrameWalker): void {
    if (walker.syncedBytes > this.#syncedTo) {
      this.#syncedTo = walker.syncedBytes
      this.#unconfirmed = 0
    }
    this.#marked = walker.isMarker
    if (walker.isMarker) {
      this.#markers += 1
      return
    }
    if (this.#records === 0) this.#firstSequence = walker.sequence
    this.#records += 1
    this.#unconfirmed += 1
    this.#lastSequence = walker.sequence
    if (walker.buffer[walker.bodyStart] === recordKind) {
      const version = recordVersion(walker.buffer, walker.bodyStart)
      if (version > this.#highestVersion) this.#highestVersion = version
    }
    this.#visitor.record(walker)
  }

  /** Looks for the next frame that can be one of this segment. */
  async #search(offset: number): Promise<FramePosition | undefined> {
    const { salt, limit, leastSequence, belowSequence } = this.#place
    const least = this.#nextSequence ?? leastSequence
    await this.#visitor.pause()
    const { frame, isZero } = await searchTail(
      this.#file,
      salt,
      offset,
      limit,
      // A marker has the sequence of the record that comes next, be that in the next segment.
      ({ sequence, syncedBytes, offset: at }) =>
        sequence >= least && sequence <= belowSequence && syncedBytes <= at,
    )
    this.#restIsZero = frame === undefined && isZero && offset === this.#end
    return frame
  }
}
