import type { SegmentHeader } from './segment-header.ts'

/** One segment of an open log. The last one grows. */
export interface LogSegment {
  readonly path: string
  readonly header: SegmentHeader
  /** Where valid, durable data ends. */
  end: number
  /** Size of its file. */
  fileBytes: number
  /** Sequence of its last durable record; one less than `baseSequence` if it holds none. */
  lastSequence: number
  /** None of its records was written after this, in ms since the Unix epoch. */
  latestAt: number
}

/**
 * The segments of an open log, oldest first. Invariants: base sequences never fall; a segment's
 * `position` is its predecessor's plus the predecessor's `end`.
 */
export class LogSegments {
  readonly #list: LogSegment[]

  constructor(list: readonly LogSegment[]) {
    this.#list = [...list]
  }

  get all(): readonly LogSegment[] {
    return this.#list
  }

  get first(): LogSegment | undefined {
    return this.#list[0]
  }

  get last(): LogSegment | undefined {
    return this.#list.at(-1)
  }

  add(segment: LogSegment): void {
    this.#list.push(segment)
  }

  /** Takes so many out of the log, the oldest first, and answers them. */
  removeFirst(count: number): readonly LogSegment[] {
    return this.#list.splice(0, count)
  }

  /** The one that holds the record, or would if it came next. Undefined if it is none any more. */
  holding(sequence: number): LogSegment | undefined {
    return this.#list[this.#lastWhere((segment) => segment.header.baseSequence <= sequence)]
  }

  /** The one that holds the byte at this address. */
  at(address: number): LogSegment | undefined {
    return this.#list[this.#lastWhere((segment) => segment.header.position <= address)]
  }

  /** The first one that is newer. */
  after(segment: LogSegment): LogSegment | undefined {
    return this.#list[this.#lastWhere(({ header }) => header.number <= segment.header.number) + 1]
  }

  /** Index of the last segment for which it holds, where it holds for all before it; or -1. */
  #lastWhere(holds: (segment: LogSegment) => boolean): number {
    let low = 0
    let high = this.#list.length
    while (low < high) {
      const middle = (low + high) >>> 1
      const segment = this.#list[middle]
      if (segment !== undefined && holds(segment)) low = middle + 1
      else high = middle
    }
    return low - 1
  }
}

/** What the header of the segment after this one says of it. */
export function linkTo(
  segment: LogSegment | undefined,
): Pick<SegmentHeader, 'position' | 'previousNumber' | 'previousEnd'> {
  if (segment === undefined) return { position: 0, previousNumber: 0, previousEnd: 0 }
  const { header, end } = segment
  return { position: header.position + end, previousNumber: header.number, previousEnd: end }
}

/** Names a frame in the whole log, for as long as the log is kept. Grows with the sequence. */
export function addressOf(segment: LogSegment, offset: number): number {
  return segment.header.position + offset
}
