import type { RecordRetention } from '../queue.ts'
import type { LogSegment } from './log-segments.ts'

export interface RetentionFacts {
  /** Oldest first. */
  readonly segments: readonly LogSegment[]
  /** True while the last one is written to. */
  readonly isGrowing: boolean
  readonly limits: RecordRetention
  /** Nobody needs the records up to this one any more. */
  readonly doneThrough: number
  readonly now: number
}

export interface Verdict {
  /** How many segments may go, the oldest first. */
  readonly expendable: number
  /** What the next one is kept for: the limits keep it, somebody needs it, or it holds nothing. */
  readonly because: 'limits' | 'need' | 'empty'
  /** When the limits alone no longer keep it; Infinity if that is not a matter of time. */
  readonly expiresAt: number
}

/**
 * Which segments may go. They go in their order, each once it is older than the time or the log is
 * larger than the bytes, and never while somebody needs a record in it. One that is still growing
 * goes by its age only, and not before it holds a record.
 */
export function judgeRetention(facts: RetentionFacts): Verdict {
  const { segments, isGrowing, limits, doneThrough, now } = facts
  let bytes = bytesOf(segments)
  for (const [index, { header, fileBytes, lastSequence, latestAt }] of segments.entries()) {
    const grows = isGrowing && index === segments.length - 1
    const isEmpty = lastSequence < header.baseSequence
    if (isEmpty && grows) return keep(index, 'empty')
    const isExcess = bytes > limits.bytes && !grows
    const expiresAt = latestAt + limits.timeMs
    if (expiresAt > now && !isExcess && !isEmpty) return keep(index, 'limits', expiresAt)
    if (lastSequence > doneThrough && !isEmpty) return keep(index, 'need')
    bytes -= fileBytes
  }
  return keep(segments.length, 'empty')
}

function keep(
  expendable: number,
  because: Verdict['because'],
  expiresAt = Number.POSITIVE_INFINITY,
): Verdict {
  return { expendable, because, expiresAt }
}

/** What the files of the segments take up. */
export function bytesOf(segments: readonly LogSegment[]): number {
  return segments.reduce((sum, { fileBytes }) => sum + fileBytes, 0)
}
