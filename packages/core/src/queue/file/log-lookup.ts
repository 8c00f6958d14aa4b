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
import { decodeRecord, viewOf } from './record-format.ts'
import { SegmentFiles } from './segment-files.ts'
import { segmentSalt } from './segment-header.ts'
import { readWholeFrame } from './whole-frame.ts'

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
  const head = Buffer.allocUnsafe(Math.min(firstReadBytes, available))
  const filled = await file.read(head, offset)
  const isFrame = filled >= frameHeaderBytes && isFrameHeader(head, 0, salt)
  const bytes = isFrame ? frameHeaderBytes + bodyBytesOf(head, 0) : 0
  if (!isFrame || bytes > available) throw damage(segment, offset)
  const isSmall = bytes <= filled
  const frame = isSmall
    ? intactFrame(head, salt)
    : await readWholeFrame(file, offset, head.subarray(0, filled), salt)
  if (frame === undefined || isMarker(frame, frameHeaderBytes)) throw damage(segment, offset)
  const { namespace } = segment.header
  return {
    sequence: sequenceOf(frame, 0),
    address,
    bytes: frameBytes(bodyBytesOf(frame, 0)),
    record: decodeRecord(frame, frameHeaderBytes, bytes, namespace, isSmall ? undefined : viewOf),
  }
}

function intactFrame(frame: Buffer, salt: number): Buffer | undefined {
  return isIntactFrame(frame, 0, salt) ? frame : undefined
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
