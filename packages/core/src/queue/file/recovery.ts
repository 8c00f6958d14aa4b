import { join } from 'node:path'
import { isWalError } from '../../errors.ts'
import { settleSome } from '../../settle-some.ts'
import { diskError } from './file-queue-error.ts'
import type { File, FileSystem } from './file-system.ts'
import { corruptLog, notALog } from './log-errors.ts'
import type { LogSegment } from './log-segments.ts'
import { chainSegments, type FoundSegment } from './segment-chain.ts'
import {
  readSegmentHeader,
  type SegmentHeader,
  segmentHeaderBytes,
  segmentSalt,
} from './segment-header.ts'
import { segmentName, segmentNumber } from './segment-name.ts'
import { type FoundFrame, type SegmentScan, scanSegment, searchTail } from './segment-scan.ts'

export interface RecoveryOptions {
  readonly directory: string
  readonly fileSystem: FileSystem
  /** Highest sequence that is known from elsewhere to have been synced; 0 if none is. */
  readonly knownSynced: number
}

/** A log as found, all of it durable. */
export interface RecoveredLog {
  /** Oldest first; none if the log is empty. */
  readonly segments: readonly LogSegment[]
  readonly lastSequence: number
  readonly highestVersion: bigint
  /** The highest number that a segment's file has; 0 if there is none. */
  readonly highestNumber: number
  /** The last segment, where it was closed cleanly and can be gone on with. */
  readonly resumable: ResumableSegment | undefined
}

export interface ResumableSegment {
  readonly file: File
}

/**
 * Finds out what a log holds after whatever has happened to it, and makes that durable.
 *
 * Only one group is ever on its way, so that a crash leaves at most one half-written group, at the
 * very end. What cannot be read there is a torn tail if nothing shows that it had been synced: the
 * log then ends before it. It is not touched; the next segment's header will say where this one
 * ends, and is synced before anything follows. Otherwise it is damage, and nothing on disk is
 * changed.
 *
 * The last group that can be read is written once more and synced. It may be in memory only, and
 * after a failed sync in the life before the kernel may take it for written.
 *
 * Rejects with `ERR_CORRUPT_LOG`, `ERR_FUTURE_FORMAT`, `ERR_NOT_A_LOG`, or the disk's error.
 */
export async function recoverLog(options: RecoveryOptions): Promise<RecoveredLog> {
  const { directory, fileSystem } = options
  try {
    const found = await findSegments(fileSystem, directory)
    const { segments, rest } = chainSegments(found)
    await checkUnused(fileSystem, rest, segments.at(-1)?.header.firstKept ?? 0)
    const last = await recoverLast(options, segments.at(-1))
    await removeUnused(fileSystem, directory, rest)
    const highestNumber = found.reduce((highest, { number }) => Math.max(highest, number), 0)
    return { segments, highestNumber, ...last }
  } catch (cause) {
    throw isWalError(cause) ? cause : diskError('open the log in', directory, cause)
  }
}

/** A long log has thousands of segments; a few at a time keep the disk busy. */
const headersAtOnce = 16

async function findSegments(
  fileSystem: FileSystem,
  directory: string,
): Promise<readonly FoundSegment[]> {
  const numbers = (await fileSystem.list(directory)).flatMap((name) => segmentNumber(name) ?? [])
  const found = await settleSome(headersAtOnce, numbers, (number) => {
    const path = join(directory, segmentName(number))
    return withFile(fileSystem, path, 'read', (file) => lookAt(file, path, number))
  })
  return found.map((result) => {
    if (result.status === 'rejected') throw result.reason
    return result.value
  })
}

async function lookAt(file: File, path: string, number: number): Promise<FoundSegment> {
  const block = Buffer.alloc(segmentHeaderBytes)
  const filled = await file.read(block, 0)
  const finding = readSegmentHeader(block.subarray(0, filled))
  return { path, number, size: await file.size(), finding }
}

/**
 * Files outside the chain, from the first one kept on, were begun and never came into use. No frame
 * of theirs is written before their header is synced, so such a file ends with its header at most,
 * or the header is whole, where the file was an earlier segment before: then no frame behind it
 * is its own. Anything else is a segment whose header is damaged, or that of the one after it.
 */
async function checkUnused(
  fileSystem: FileSystem,
  rest: readonly FoundSegment[],
  firstKept: number,
): Promise<void> {
  for (const found of rest) {
    const { path, number, size, finding } = found
    if (finding.state === 'foreign') throw notALog(path)
    if (number < firstKept || size <= segmentHeaderBytes) continue
    if (finding.state === 'whole' && !(await holdsFrame(fileSystem, found, finding.header)))
      continue
    throw corruptLog({
      path,
      offset: 0,
      what: "a segment's header is damaged, or that of the segment after it",
      proof: `the file has ${size} bytes, and nothing is written behind a header before its sync`,
    })
  }
}

function holdsFrame(
  fileSystem: FileSystem,
  { path, size }: FoundSegment,
  header: SegmentHeader,
): Promise<boolean> {
  return withFile(fileSystem, path, 'read', async (file) => {
    const { end } = await scanSegment(file, header, size)
    return end > segmentHeaderBytes
  })
}

type RecoveredEnd = Pick<RecoveredLog, 'lastSequence' | 'highestVersion' | 'resumable'>

async function recoverLast(
  { directory, fileSystem, knownSynced }: RecoveryOptions,
  last: LogSegment | undefined,
): Promise<RecoveredEnd> {
  if (last === undefined) {
    if (knownSynced > 0) {
      const what = `there is no segment, though ${knownSynced} records had been written`
      const proof = `a cursor has seen record ${knownSynced}`
      throw corruptLog({
        path: join(directory, segmentName(1)),
        offset: 0,
        sequence: 1,
        what,
        proof,
      })
    }
    return { lastSequence: 0, highestVersion: 0n, resumable: undefined }
  }
  const file = await fileSystem.open(last.path, 'read-write')
  try {
    const size = last.end
    const scan = await scanSegment(file, last.header, size)
    const tailIsZero = await checkTail(file, last, scan, size, knownSynced)
    await rewrite(file, scan.lastGroupAt, scan.end)
    await file.sync()
    await fileSystem.syncDirectory(directory)
    last.end = scan.end
    last.fileBytes = Math.max(size, scan.end)
    last.lastSequence = scan.nextSequence - 1
    last.latestAt = Math.max(last.header.madeAt, scan.latestAt)
    const canResume = scan.marked && tailIsZero
    if (!canResume) await file.close()
    const { header } = last
    return {
      lastSequence: scan.nextSequence - 1,
      highestVersion: maxOf(header.highestVersion, scan.highestVersion),
      resumable: canResume ? { file } : undefined,
    }
  } catch (error) {
    await file.close().catch(() => {})
    throw error
  }
}

/** Throws if what lies behind the last valid frame is damage. Answers whether it is only zeros. */
async function checkTail(
  file: File,
  { path, header }: LogSegment,
  { end, nextSequence }: SegmentScan,
  size: number,
  knownSynced: number,
): Promise<boolean> {
  const shows = (frame: FoundFrame): boolean =>
    frame.sequence >= nextSequence && frame.syncedBytes > end && frame.syncedBytes <= frame.offset
  const { frame, isZero } = await searchTail(file, segmentSalt(header), end, size, shows)
  const proof =
    frame !== undefined
      ? `the frame at offset ${frame.offset} says that all before ${frame.syncedBytes} was synced`
      : knownSynced >= nextSequence
        ? `a cursor has seen record ${knownSynced}`
        : undefined
  if (proof !== undefined) {
    const what = 'a record is damaged or missing'
    throw corruptLog({ path, offset: end, sequence: nextSequence, what, proof })
  }
  return isZero
}

const chunkBytes = 1024 * 1024

/**
 * Writes the same bytes once more, so that the next sync has to put them on the disk. Where the
 * file ends in the padding behind its last frame, that is written out as well.
 */
async function rewrite(file: File, from: number, to: number): Promise<void> {
  const chunk = Buffer.alloc(Math.min(chunkBytes, to - from))
  for (let offset = from; offset < to; offset += chunk.length) {
    const part = chunk.subarray(0, to - offset).fill(0)
    await file.read(part, offset)
    await file.write(part, offset)
  }
}

/** Best effort: what cannot be removed now holds nothing, and is seen again at the next start. */
async function removeUnused(
  fileSystem: FileSystem,
  directory: string,
  rest: readonly FoundSegment[],
): Promise<void> {
  if (rest.length === 0) return
  try {
    for (const { path } of rest) await fileSystem.remove(path)
    await fileSystem.syncDirectory(directory)
  } catch {
    // Nothing depends on it.
  }
}

async function withFile<T>(
  fileSystem: FileSystem,
  path: string,
  access: 'read' | 'read-write',
  use: (file: File) => Promise<T>,
): Promise<T> {
  const file = await fileSystem.open(path, access)
  try {
    return await use(file)
  } finally {
    await file.close()
  }
}

function maxOf(a: bigint, b: bigint): bigint {
  return a > b ? a : b
}
