import { WalError } from '../../errors.ts'
import { diskError } from './file-queue-error.ts'
import type { File, FileSystem } from './file-system.ts'
import {
  bodyBytesOf,
  frameBytes,
  frameHeaderBytes,
  isFrameHeader,
  isIntactFrame,
  sequenceOf,
} from './frame.ts'
import type { LogEntry } from './log-entry.ts'
import { corruptLog } from './log-errors.ts'
import type { LogSegment, LogSegments } from './log-segments.ts'
import { isMarker } from './marker.ts'
import { decodeRecord } from './record-format.ts'
import { SegmentFiles } from './segment-files.ts'
import { segmentSalt } from './segment-header.ts'

/** Read at once: most records are smaller. */
const firstReadBytes = 4096

/** Reads single entries of a log by their address. */
export class LogLookup {
  readonly #segments: LogSegments
  readonly #files: SegmentFiles

  constructor(fileSystem: FileSystem, segments: LogSegments) {
    this.#segments = segments
    this.#files = new SegmentFiles(fileSystem)
  }

  /** See `Log.readAt`. */
  async readAt(address: number): Promise<LogEntry> {
    const segment = this.#segments.at(address)
    const offset = address - (segment?.header.position ?? 0)
    if (address < (this.#segments.first?.header.position ?? 0)) throw noLongerKept(address)
    if (segment === undefined || !(offset + frameHeaderBytes <= segment.end)) {
      throw new RangeError(`No record of the log is at address ${address}.`)
    }
    try {
      return await this.#files.use(segment, (file) => readEntry(file, segment, offset, address))
    } catch (cause) {
      throw diskError('read', segment.path, cause)
    }
  }

  /** Gives up the files of these segments, which are no longer part of the log. */
  async letGo(segments: readonly LogSegment[]): Promise<void> {
    for (const segment of segments) await this.#files.letGo(segment)
  }

  async close(): Promise<void> {
    await this.#files.close()
  }
}

async function readEntry(
  file: File,
  segment: LogSegment,
  offset: number,
  address: number,
): Promise<LogEntry> {
  const salt = segmentSalt(segment.header)
  const available = segment.end - offset
  let buffer = Buffer.allocUnsafe(Math.min(firstReadBytes, available))
  let filled = await file.read(buffer, offset)
  const isFrame = filled >= frameHeaderBytes && isFrameHeader(buffer, 0, salt)
  const bytes = isFrame ? frameHeaderBytes + bodyBytesOf(buffer, 0) : 0
  if (bytes > filled && bytes <= available) {
    buffer = Buffer.allocUnsafe(bytes)
    filled = await file.read(buffer, offset)
  }
  const isRecord =
    isFrame &&
    bytes <= filled &&
    isIntactFrame(buffer, 0, salt) &&
    !isMarker(buffer, frameHeaderBytes)
  if (!isRecord) throw damage(segment, offset)
  return {
    sequence: sequenceOf(buffer, 0),
    address,
    bytes: frameBytes(bodyBytesOf(buffer, 0)),
    record: decodeRecord(buffer, frameHeaderBytes, bytes, segment.header.namespace),
  }
}

function noLongerKept(address: number): Error {
  return new WalError(
    'ERR_NOT_KEPT',
    `The record at address ${address} of the log is no longer kept: the namespace's retention says ` +
      'how long records are.',
  )
}

function damage(segment: LogSegment, offset: number): Error {
  return corruptLog({
    path: segment.path,
    offset,
    what: 'a record is damaged, or the address is not that of a record',
    proof: `the segment is whole up to offset ${segment.end}`,
  })
}
