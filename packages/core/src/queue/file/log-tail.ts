import { join } from 'node:path'
import type { Clock } from '../../clock.ts'
import type { WalError } from '../../errors.ts'
import type { SendOutcome } from '../../producer/producer.ts'
import { diskError } from './file-queue-error.ts'
import type { File, FileSystem } from './file-system.ts'
import { Group, type GroupFormat, type GroupPlace } from './group.ts'
import { type LogSegment, type LogSegments, linkTo } from './log-segments.ts'
import { markerBody } from './marker.ts'
import type { RecentGroups } from './recent-groups.ts'
import type { RecoveredLog } from './recovery.ts'
import { type CreateSegmentOptions, createSegment } from './segment-creation.ts'
import { type SegmentHeader, segmentHeaderBytes } from './segment-header.ts'
import { segmentName } from './segment-name.ts'
import { SegmentWriter } from './segment-writer.ts'

export interface LogTailOptions {
  readonly directory: string
  readonly fileSystem: FileSystem
  readonly clock: Clock
  readonly epoch: number
  readonly format: GroupFormat
  /** No group begins in a segment at or after this offset. */
  readonly segmentBytes: number
  readonly zeroAheadBytes: number
  readonly recovered: RecoveredLog
  /** Grows as segments are made; the last one's `end` as groups become durable. */
  readonly segments: LogSegments
  /** Told of each group that is durable. */
  readonly recent: RecentGroups
  /** Of a new segment with this number: the first one that is kept, which may be itself. */
  firstKept(number: number): number
  /** A file to make a segment of, see `createSegment`. */
  takeSpare: CreateSegmentOptions['takeSpare']
  onSegmentMade(): void
  /** Called when a segment has got its first record. */
  onSegmentBegun(): void
  reportError(error: WalError): void
}

const done: SendOutcome = Object.freeze({ durable: 'yes' })

/**
 * The end of the log on disk: writes one group after the other and makes segments.
 *
 * States, by what `#writer` is:
 *
 * - a writer: groups go into its segment. When that is full the next segment is made.
 * - undefined: at the start, after a failed write or sync, and after a failed attempt to make a
 *   segment. The next group makes one. Where that fails the group is answered `'no'`, as nothing of
 *   it was written anywhere, and the group after it tries again.
 *
 * A group whose write or sync failed may be on disk or not. The next segment's header says where
 * the failed one ended before it; once that is synced the group's records are void, `'no'`. If it
 * cannot be, the answer is `'unknown'`. Once a next segment was attempted the one before is never
 * written again: the attempt may turn up after a crash, and says where it ended.
 */
export class LogTail {
  readonly #options: LogTailOptions
  #writer: SegmentWriter | undefined
  /** Invariant: every record up to this one is written and synced, or void. */
  #lastSequence: number
  #highestVersion: bigint
  #highestNumber: number
  /** True while the last frame is a marker. */
  #marked = false
  #abandoned: WalError | undefined
  #isWriting = false
  /** The making of a segment that no group is waiting for. */
  #rolling: Promise<unknown> | undefined

  constructor(options: LogTailOptions) {
    this.#options = options
    const { lastSequence, highestVersion, highestNumber, resumable } = options.recovered
    this.#lastSequence = lastSequence
    this.#highestVersion = highestVersion
    this.#highestNumber = highestNumber
    const { last } = options.segments
    if (resumable && last) {
      this.#writer = this.#writerOf(last, resumable.file)
      this.#marked = true
    }
  }

  get lastSequence(): number {
    return this.#lastSequence
  }

  get highestVersion(): bigint {
    return this.#highestVersion
  }

  /** Where a group that sets off now goes. */
  get place(): GroupPlace {
    return this.#withRoom(this.#endOf(this.#writer))
  }

  /** Where the group after this one goes, if nothing fails. */
  placeAfter(group: Group): GroupPlace {
    const { segment, sequence, offset } = group.place
    return this.#withRoom({
      segment,
      sequence: sequence + group.records,
      offset: offset + group.byteLength,
    })
  }

  /**
   * Writes and syncs the group and answers what became of it. One call at a time; never rejects.
   *
   * Where there is nothing to wait for, the system has been asked by the time this returns, and so in
   * all that is called from here: whoever comes next in this turn of the event loop are the callers of
   * the group before, and they take as long as a write does.
   */
  async write(group: Group): Promise<SendOutcome> {
    this.#isWriting = true
    try {
      if (this.#rolling !== undefined) await this.#rolling
      return await this.#write(group)
    } finally {
      this.#isWriting = false
    }
  }

  /**
   * Makes the next segment now, for what its header says. Does nothing and answers false while a
   * group is on its way. Rejects if it cannot be made; the next group tries again.
   */
  async roll(): Promise<boolean> {
    if (this.#isWriting || this.#rolling !== undefined) return false
    const rolled = this.#nextWriter()
    this.#rolling = rolled
      .catch(() => {})
      .finally(() => {
        this.#rolling = undefined
      })
    await rolled
    return true
  }

  async #write(group: Group): Promise<SendOutcome> {
    let writer: SegmentWriter
    try {
      writer = this.#writerWithRoom ?? (await this.#nextWriter())
    } catch (cause) {
      return { durable: 'no', error: this.#errorOf(cause) }
    }
    group.moveTo(this.place)
    try {
      await writer.append(group.frames)
    } catch (cause) {
      const error = this.#errorOf(cause)
      return writer.healthy ? { durable: 'no', error } : this.#leave(writer, error)
    }
    this.#marked = false
    this.#lastSequence += group.records
    if (group.highestVersion > this.#highestVersion) this.#highestVersion = group.highestVersion
    this.#noteGrowth(writer, group)
    return done
  }

  /** Writes nothing from here on: neither a marker nor, after a failure, a further segment. */
  abandon(error: WalError): void {
    this.#abandoned = error
  }

  /** Marks the end as clean, where there is something to mark, and gives up the file. */
  async close(): Promise<void> {
    await this.#rolling
    const writer = this.#writer
    if (writer === undefined) return
    this.#writer = undefined
    if (!this.#marked && !this.#abandoned) {
      const marker = new Group(this.#options.format)
      marker.begin(this.#endOf(writer))
      marker.addMarker(markerBody)
      // Without a marker the next start has a little more to do. Nothing is lost.
      await writer
        .append(marker.frames)
        .catch((cause) => this.#options.reportError(this.#errorOf(cause)))
    }
    // What lies behind the marker must be nothing, or the next start would begin a segment.
    if (!this.#abandoned) await writer.trim().catch(() => {})
    await writer.close().catch(() => {})
  }

  /** Behind what was written last; without a writer there is no room left in any segment. */
  #endOf(writer: SegmentWriter | undefined): GroupPlace {
    const segment = this.#options.segments.last?.header.number ?? 0
    const offset = writer?.end ?? Number.POSITIVE_INFINITY
    return { segment, sequence: this.#lastSequence + 1, offset }
  }

  /** The same place, or the beginning of the next segment where that one is full by then. */
  #withRoom(place: GroupPlace): GroupPlace {
    if (place.offset < this.#options.segmentBytes) return place
    const segment = Math.max(place.segment, this.#highestNumber) + 1
    return { ...place, segment, offset: segmentHeaderBytes }
  }

  get #writerWithRoom(): SegmentWriter | undefined {
    const writer = this.#writer
    return writer && writer.end < this.#options.segmentBytes ? writer : undefined
  }

  async #nextWriter(): Promise<SegmentWriter> {
    // A full disk may have room for the next segment only once this one has given some back.
    await this.#finish(this.#writer)
    return this.#nextSegment()
  }

  /** Leaves a segment that is sound, without what is in its file behind the end. */
  async #finish(writer: SegmentWriter | undefined): Promise<void> {
    this.#writer = undefined
    const { last } = this.#options.segments
    if (writer === undefined || last === undefined) return
    if (!this.#abandoned) await writer.trim().catch(() => {})
    last.fileBytes = writer.fileBytes
    await writer.close().catch(() => {})
  }

  /** Gives up a segment after a failure, with the group that was on its way. */
  async #leave(writer: SegmentWriter, error: WalError): Promise<SendOutcome> {
    this.#writer = undefined
    await writer.close().catch(() => {})
    this.#options.reportError(error)
    if (this.#abandoned) return { durable: 'unknown', error }
    try {
      await this.#nextSegment()
      return { durable: 'no', error }
    } catch {
      return { durable: 'unknown', error }
    }
  }

  async #nextSegment(): Promise<SegmentWriter> {
    if (this.#abandoned) throw this.#abandoned
    const { directory, fileSystem, segments, takeSpare } = this.#options
    this.#highestNumber += 1
    const header = this.#headerOf(this.#highestNumber)
    const path = join(directory, segmentName(header.number))
    const { file, fileBytes } = await createSegment({ fileSystem, path, header, takeSpare })
    const segment: LogSegment = {
      path,
      header,
      end: segmentHeaderBytes,
      fileBytes,
      lastSequence: this.#lastSequence,
      latestAt: header.madeAt,
    }
    segments.add(segment)
    this.#writer = this.#writerOf(segment, file)
    this.#marked = false
    this.#options.onSegmentMade()
    return this.#writer
  }

  #headerOf(number: number): SegmentHeader {
    const { clock, epoch, format, segments, firstKept } = this.#options
    return {
      salt: format.salt,
      number,
      baseSequence: this.#lastSequence + 1,
      ...linkTo(segments.last),
      firstKept: firstKept(number),
      epoch,
      highestVersion: this.#highestVersion,
      madeAt: clock.now(),
      namespace: format.namespace,
    }
  }

  #noteGrowth(writer: SegmentWriter, group: Group): void {
    const { segments, recent, clock, onSegmentBegun } = this.#options
    const { last } = segments
    if (last === undefined) return
    const wasEmpty = last.lastSequence < last.header.baseSequence
    last.end = writer.end
    last.fileBytes = writer.fileBytes
    last.lastSequence = this.#lastSequence
    last.latestAt = clock.now()
    recent.add(group, last)
    if (wasEmpty) onSegmentBegun()
  }

  #writerOf({ path, end, fileBytes }: LogSegment, file: File): SegmentWriter {
    const { segmentBytes, zeroAheadBytes } = this.#options
    return new SegmentWriter({
      path,
      file,
      end,
      fileBytes,
      zeroAheadBytes,
      zeroLimit: segmentBytes,
    })
  }

  #errorOf(cause: unknown): WalError {
    return diskError('write to', this.#options.directory, cause)
  }
}
