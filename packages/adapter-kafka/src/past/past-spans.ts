import { type PastPlace, type PastRange, WalError } from '@daybook/core'
import type { Progress } from '../consumer/progress.ts'
import { noteOf } from '../consumer/progress-text.ts'
import { delaysGroupOf, delaysTopicOf, type QueueParts } from '../queue-parts.ts'
import { parsePosition } from './past-position.ts'

/** A part of one partition that is to be read. */
export interface PastSpan {
  readonly kind: 'records' | 'delays'
  readonly topic: string
  readonly partition: number
  /** Offset to be read next. */
  next: number
  readonly to: number
  /** Of delayed records: those that have been sent on are read where they are now. */
  readonly sentOn: Progress | undefined
}

/**
 * What a range means in offsets, as things are now. Records that are still delayed come from the
 * delays topic, whole; the reader tells them by when they were written.
 */
export async function spansOf(parts: QueueParts, { from, to }: PastRange): Promise<PastSpan[]> {
  const { topic } = parts.options
  // In this order: what is sent on in between is read twice, rather than not at all.
  const delays = await delaySpans(parts, { from, to })
  const bounds = await parts.admin.bounds(topic)
  const starts = await offsetsOf(parts, from, bounds.length, delays.length)
  const ends = await offsetsOf(parts, to, bounds.length, delays.length)
  const records = bounds.map(({ first, next }, partition): PastSpan => {
    const start = from === undefined ? first : (starts[partition] ?? ('at' in from ? next : first))
    // Nothing tells how old the one before the first was.
    const mayMiss =
      first > 0 && from !== undefined && ('at' in from ? start === first : start < first)
    if (mayMiss && first < next) throw notKept(topic, partition, first)
    const end = to === undefined ? next : (ends[partition] ?? next)
    const span = { topic, partition, next: start, to: Math.min(end, next) }
    return { kind: 'records', ...span, sentOn: undefined }
  })
  return [...records, ...delays]
}

async function delaySpans(parts: QueueParts, { from, to }: PastRange): Promise<PastSpan[]> {
  const topic = delaysTopicOf(parts.options.topic)
  const committed = await parts.admin.committed(delaysGroupOf(parts.options.group), topic)
  const bounds = await parts.admin.bounds(topic)
  const position = (place: PastPlace | undefined): readonly number[] =>
    place && 'position' in place
      ? parsePosition(place.position, Number.POSITIVE_INFINITY, bounds.length).delays
      : []
  const [starts, ends] = [position(from), position(to)]
  return bounds.map(({ first, next }, partition) => {
    const commit = committed.get(partition)
    const { progress } = noteOf(commit?.offset ?? first, commit?.metadata ?? '')
    return {
      kind: 'delays',
      topic,
      partition,
      next: Math.max(progress.committed, starts[partition] ?? 0),
      to: Math.min(next, ends[partition] ?? next),
      sentOn: progress,
    }
  })
}

/** Offsets of a place; undefined where a partition has nothing so young. */
async function offsetsOf(
  { admin, options }: QueueParts,
  place: PastPlace | undefined,
  partitions: number,
  delays: number,
): Promise<readonly (number | undefined)[]> {
  if (place === undefined) return []
  if ('at' in place) return admin.offsetsAt(options.topic, Math.ceil(place.at))
  return parsePosition(place.position, partitions, delays).records
}

function notKept(topic: string, partition: number, first: number): WalError {
  return new WalError(
    'ERR_NOT_KEPT',
    `${topic}, partition ${partition}, begins with offset ${first}: what was there before has been ` +
      'removed, as its retention says, and may be part of the range. Begin later, or leave `from` out.',
  )
}
