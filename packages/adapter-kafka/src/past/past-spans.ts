import { type PastPlace, type PastRange, WalError } from '@daybook/core'
import type { Progress } from '../consumer/progress.ts'
import { noteOf } from '../consumer/progress-text.ts'
import { delaysGroupOf, delaysTopicOf, type QueueParts } from '../queue-parts.ts'
import { type PastPosition, parsePosition } from './past-position.ts'

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
  const { admin, options } = parts
  const { topics } = options
  // In this order: what is sent on in between is read twice, rather than not at all.
  const delays = await delaySpans(parts, { from, to })
  const bounds = await Promise.all(topics.map((topic) => admin.bounds(topic)))
  const counts = bounds.map(({ length }) => length)
  const positionOf = (place: PastPlace | undefined): PastPosition | undefined =>
    place && 'position' in place ? parsePosition(place.position, counts, delays.length) : undefined
  const positions = { from: positionOf(from), to: positionOf(to) }
  const records = topics.map(async (topic, at) => {
    const starts = await offsetsOf(parts, topic, from, positions.from?.records[at])
    const ends = await offsetsOf(parts, topic, to, positions.to?.records[at])
    return recordSpans({ from, to }, { topic, bounds: bounds[at] ?? [], starts, ends })
  })
  return [...(await Promise.all(records)).flat(), ...delays]
}

/** One topic, and the offsets that a range begins and ends at in each of its partitions. */
interface TopicRange {
  readonly topic: string
  readonly bounds: readonly { readonly first: number; readonly next: number }[]
  readonly starts: readonly (number | undefined)[]
  readonly ends: readonly (number | undefined)[]
}

function recordSpans({ from, to }: PastRange, { topic, bounds, starts, ends }: TopicRange) {
  return bounds.map(({ first, next }, partition): PastSpan => {
    const start = from === undefined ? first : (starts[partition] ?? ('at' in from ? next : first))
    // Nothing tells how old the one before the first was.
    const mayMiss =
      first > 0 && from !== undefined && ('at' in from ? start === first : start < first)
    if (mayMiss && first < next) throw notKept(topic, partition, first)
    const end = to === undefined ? next : (ends[partition] ?? next)
    const span = { topic, partition, next: start, to: Math.min(end, next) }
    return { kind: 'records', ...span, sentOn: undefined }
  })
}

async function delaySpans(parts: QueueParts, { from, to }: PastRange): Promise<PastSpan[]> {
  const topic = delaysTopicOf(parts.options.topic)
  const committed = await parts.admin.committed(delaysGroupOf(parts.options.group), topic)
  const bounds = await parts.admin.bounds(topic)
  const position = (place: PastPlace | undefined): readonly number[] =>
    place && 'position' in place
      ? parsePosition(place.position, anyPartitions(parts), bounds.length).delays
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

function anyPartitions({ options }: QueueParts): readonly number[] {
  return options.topics.map(() => Number.POSITIVE_INFINITY)
}

/** Offsets of a place in a topic; undefined where a partition has nothing so young. */
async function offsetsOf(
  { admin }: QueueParts,
  topic: string,
  place: PastPlace | undefined,
  position: readonly number[] = [],
): Promise<readonly (number | undefined)[]> {
  return place && 'at' in place ? admin.offsetsAt(topic, Math.ceil(place.at)) : position
}

function notKept(topic: string, partition: number, first: number): WalError {
  return new WalError(
    'ERR_NOT_KEPT',
    `${topic}, partition ${partition}, begins with offset ${first}: what was there before has been ` +
      'removed, as its retention says, and may be part of the range. Begin later, or leave `from` out.',
  )
}
