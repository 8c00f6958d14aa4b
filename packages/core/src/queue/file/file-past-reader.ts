import { WalError } from '../../errors.ts'
import type { PastPlace, PastRange, PastReader, PastReadLimits, PastRecord } from '../past.ts'
import type { Log, LogEntry, LogReader } from './log.ts'
import type { LogSegment } from './log-segments.ts'

/** The sequences to read, and the instants that bound them where the range has such. */
interface Bounds {
  readonly first: number
  readonly last: number
  readonly since: number
  readonly until: number
}

/**
 * Reads a past range of a log. Its positions are sequences.
 *
 * When a record was stored is not in the log. It is taken for the latest `writtenAt` up to it in its
 * segment, but not before the segment was made, nor after the last record went into it. So it never
 * falls from one record to the next, whatever clocks and callers say: a range is one stretch of the log.
 */
export class FilePastReader implements PastReader {
  readonly #log: Log
  readonly #bounds: Bounds
  readonly #reader: LogReader
  readonly #letGo: () => void
  /** All up to this one were handed out, or lie before the range. */
  #through: number
  #segment: LogSegment | undefined
  /** Of the records of the segment that were looked at. */
  #latestWrittenAt = 0
  /** Of the last record that was looked at. */
  #lastStoredAt = Number.NEGATIVE_INFINITY
  #isAtEnd = false
  #closed = false

  /** Throws `ERR_NOT_KEPT`, or `ERR_INVALID_REPLAY` for a position that is none of this log. */
  static open(log: Log, range: PastRange): FilePastReader {
    return new FilePastReader(log, boundsOf(log, range))
  }

  private constructor(log: Log, bounds: Bounds) {
    this.#log = log
    this.#bounds = bounds
    this.#through = bounds.first - 1
    // The times of a segment's records are told from its first one on.
    const from = log.segmentHolding(bounds.first)?.header.baseSequence ?? bounds.first
    this.#letGo = log.hold(from)
    this.#reader = log.reader(from)
  }

  get position(): string {
    return String(this.#through)
  }

  async read({ maxRecords, maxBytes, signal }: PastReadLimits): Promise<readonly PastRecord[]> {
    while (!this.#isAtEnd && this.#through < this.#bounds.last) {
      if (this.#closed) throw new WalError('ERR_CLOSED', 'The reader of the past is closed.')
      if (signal.aborted) throw new WalError('ERR_ABORTED', 'The read was aborted.')
      const entries = await this.#reader.read({ maxRecords, maxBytes })
      if (entries.length === 0) break
      const records = this.#recordsOf(entries)
      if (records.length > 0) return records
    }
    return []
  }

  async close(): Promise<void> {
    if (this.#closed) return
    this.#closed = true
    await this.#reader.close()
    this.#letGo()
  }

  #recordsOf(entries: readonly LogEntry[]): readonly PastRecord[] {
    const { first, last, since, until } = this.#bounds
    const records: PastRecord[] = []
    for (const entry of entries) {
      const { sequence, record, bytes } = entry
      const storedAt = this.#storedAt(entry)
      if (sequence < first) continue
      if (sequence > last || storedAt >= until) {
        this.#isAtEnd = true
        break
      }
      this.#through = sequence
      if (storedAt >= since) records.push({ record, storedAt, bytes })
    }
    return records
  }

  #storedAt({ sequence, record }: LogEntry): number {
    const segment = this.#log.segmentHolding(sequence)
    if (segment === undefined) return this.#lastStoredAt
    if (segment !== this.#segment) {
      this.#segment = segment
      this.#latestWrittenAt = segment.header.madeAt
    }
    this.#latestWrittenAt = Math.max(this.#latestWrittenAt, record.writtenAt)
    const storedAt = Math.min(this.#latestWrittenAt, segment.latestAt)
    this.#lastStoredAt = Math.max(this.#lastStoredAt, storedAt)
    return this.#lastStoredAt
  }
}

function boundsOf(log: Log, { from, to }: PastRange): Bounds {
  const last = to && 'position' in to ? sequenceOf(log, to) : log.lastSequence
  const until = to && 'at' in to ? to.at : Number.POSITIVE_INFINITY
  if (from === undefined) {
    return { first: log.firstSequence, last, since: Number.NEGATIVE_INFINITY, until }
  }
  if ('position' in from) {
    const first = sequenceOf(log, from) + 1
    if (first < log.firstSequence) throw notKept(log, `behind position ${from.position}`)
    return { first, last, since: Number.NEGATIVE_INFINITY, until }
  }
  const segment = log.segmentSince(from.at)
  const first = segment?.header.baseSequence ?? log.lastSequence + 1
  const isOldest = first === log.firstSequence && first > 1
  if (isOldest && segment !== undefined && from.at < segment.header.madeAt) {
    throw notKept(log, `since ${new Date(from.at).toISOString()}`)
  }
  return { first, last, since: from.at, until }
}

function sequenceOf(log: Log, place: Extract<PastPlace, { position: string }>): number {
  const { position } = place
  const sequence = /^\d{1,15}$/.test(position) ? Number(position) : Number.NaN
  if (sequence <= log.lastSequence) return sequence
  throw new WalError(
    'ERR_INVALID_REPLAY',
    `'${position.slice(0, 40)}' is no position of this log, which ends at ${log.lastSequence}.`,
  )
}

function notKept(log: Log, where: string): WalError {
  const { since } = log.kept()
  const oldest = since === undefined ? '' : `, stored at ${new Date(since).toISOString()} or later`
  return new WalError(
    'ERR_NOT_KEPT',
    `Not all records ${where} are kept: the log begins with record ${log.firstSequence}${oldest}. ` +
      "Leave `from` out to begin there; the namespace's retention says how long records are kept.",
  )
}
