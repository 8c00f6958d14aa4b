import { corruptLog, futureFormat } from './log-errors.ts'
import type { LogSegment } from './log-segments.ts'
import type { HeaderFinding, SegmentHeader } from './segment-header.ts'

/** A file with a segment's name, and what its first bytes are. */
export interface FoundSegment {
  readonly path: string
  readonly number: number
  /** Of the file, in bytes. */
  readonly size: number
  readonly finding: HeaderFinding
}

/** Which of the files make up the log. */
export interface SegmentChain {
  /** Oldest first. The last one's `end` is the file's: what it holds is yet to be found. */
  readonly segments: readonly LogSegment[]
  /** Files that hold nothing of the log, if they are what they seem to be. */
  readonly rest: readonly FoundSegment[]
}

/**
 * Follows the headers back from the newest whole one: each names the segment before it and says
 * where that one ends. Whatever else lies there was begun and never came into use (a crash or a
 * failure while it was made), or was on its way out.
 *
 * Throws `ERR_FUTURE_FORMAT`; `ERR_CORRUPT_LOG` where a segment that is named is missing, cut
 * short, or not the one that was meant.
 */
export function chainSegments(found: readonly FoundSegment[]): SegmentChain {
  for (const { finding, path } of found) {
    if (finding.state === 'future') throw futureFormat(path, finding.version)
  }
  const byNumber = new Map(found.map((segment) => [segment.number, segment]))
  const newest = found
    .filter(({ finding }) => finding.state === 'whole')
    .reduce<FoundSegment | undefined>((a, b) => (a && a.number > b.number ? a : b), undefined)
  if (newest?.finding.state !== 'whole') return { segments: [], rest: found }

  const { firstKept } = newest.finding.header
  let oldest = newestSegment(newest.path, newest.finding.header, newest.size)
  checkName(oldest, newest.number)
  const segments = [oldest]
  while (oldest.header.previousNumber >= firstKept) {
    oldest = segmentBefore(oldest, byNumber.get(oldest.header.previousNumber), newest.path)
    segments.push(oldest)
  }
  segments.reverse()
  const used = new Set(segments.map(({ header }) => header.number))
  return { segments, rest: found.filter(({ number }) => !used.has(number)) }
}

function newestSegment(path: string, header: SegmentHeader, fileBytes: number): LogSegment {
  const lastSequence = header.baseSequence - 1
  return {
    path,
    header,
    end: fileBytes,
    fileBytes,
    lastSequence,
    latestAt: Number.POSITIVE_INFINITY,
  }
}

/** The segment that `later` names as the one before it. */
function segmentBefore(
  later: LogSegment,
  found: FoundSegment | undefined,
  newestPath: string,
): LogSegment {
  const { header } = later
  const proof = `${later.path} was begun after it and is whole`
  if (found === undefined) {
    throw corruptLog({
      path: newestPath,
      offset: 0,
      what: `segment ${header.previousNumber}, of ${header.previousEnd} bytes, is missing`,
      proof,
    })
  }
  if (found.finding.state !== 'whole') {
    throw corruptLog({ path: found.path, offset: 0, what: "a segment's header is damaged", proof })
  }
  const segment = {
    path: found.path,
    header: found.finding.header,
    end: header.previousEnd,
    fileBytes: found.size,
    lastSequence: header.baseSequence - 1,
    // Made by a clock that was ahead, a segment tells less than those after it.
    latestAt: Math.min(header.madeAt, later.latestAt),
  }
  checkName(segment, found.number)
  checkLink(segment, header, proof)
  if (found.size < header.previousEnd) {
    throw corruptLog({
      path: found.path,
      offset: found.size,
      what: `a segment ends ${header.previousEnd - found.size} bytes too early`,
      proof,
    })
  }
  return segment
}

function checkName({ path, header }: LogSegment, number: number): void {
  if (header.number === number) return
  throw corruptLog({
    path,
    offset: 0,
    what: `the file is named as segment ${number} and holds segment ${header.number}`,
    proof: 'its header is whole',
  })
}

function checkLink(segment: LogSegment, next: SegmentHeader, proof: string): void {
  const { header, path, end } = segment
  const fits =
    header.salt === next.salt &&
    header.position + end === next.position &&
    header.baseSequence <= next.baseSequence
  if (fits) return
  throw corruptLog({ path, offset: 0, what: 'a segment is not the one that belongs there', proof })
}
