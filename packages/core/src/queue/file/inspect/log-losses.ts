import type { FoundSegment } from '../segment-chain.ts'
import { segmentHeaderBytes } from '../segment-header.ts'
import { type Finding, type Findings, lostRecords } from './finding.ts'
import type { OrderedSegment } from './segment-order.ts'
import type { SegmentContents, SegmentGap } from './segment-survey.ts'

/** Compares what was read of each segment, oldest first, with what should be there. */
export class LogLosses {
  readonly #findings: Findings
  readonly #knownSynced: number
  #next: number | undefined
  #behindTornTail = 0
  #doubtful = 0
  #lastFile: string | undefined

  /** `knownSynced` is the highest sequence that a cursor has seen. */
  constructor(findings: Findings, knownSynced: number) {
    this.#findings = findings
    this.#knownSynced = knownSynced
  }

  /** The sequence behind all that was read or is lost; undefined as long as none is known. */
  get next(): number | undefined {
    return this.#next
  }

  /** See `LogSurvey`. */
  get behindTornTail(): number {
    return this.#behindTornTail
  }

  /** See `LogSurvey`. */
  get doubtful(): number {
    return this.#doubtful
  }

  /** The next segment, and the one behind it, if there is one. */
  add(segment: OrderedSegment, contents: SegmentContents, later: OrderedSegment | undefined): void {
    this.#addStart(segment, contents)
    if (later) {
      for (const gap of contents.gaps) this.#addDamage(segment, gap)
      this.#addEnd(segment, contents, later)
    } else {
      const torn = contents.gaps.find((gap) => !this.#isProven(gap, contents))
      const proven = torn ? contents.gaps.slice(0, contents.gaps.indexOf(torn)) : contents.gaps
      for (const gap of proven) this.#addDamage(segment, gap)
      if (torn) this.#addTornMiddle(segment, contents, torn)
      else this.#addTail(segment, contents)
    }
    this.#lastFile = segment.found.path
  }

  /** To be called behind the last segment. */
  finish(): void {
    const next = this.#next ?? 1
    if (this.#knownSynced < next) return
    this.#findings.problem({
      file: this.#lastFile ?? 'segments',
      ...lostRecords(next, this.#knownSynced),
      what: this.#lastFile ? 'records are missing at the end' : 'there is no segment',
      proof: this.#cursorProof(),
    })
  }

  /** What is missing before the segment, where that is not within one that could be read. */
  #addStart({ found, header, missing }: OrderedSegment, { begins }: SegmentContents): void {
    const base = header?.baseSequence
    if (missing) {
      const first = base ?? begins?.sequence
      const lost = first === undefined ? undefined : this.#lostBefore(first)
      const { file, proof } = missing
      this.#findings.problem({ file, ...lost, what: 'a segment is missing', proof })
      this.#next = first ?? this.#next
    } else if (base !== undefined) {
      this.#next = base
    } else if (begins?.offset === segmentHeaderBytes) {
      const isFirst = this.#next === undefined && this.#lastFile === undefined
      const lost = isFirst ? undefined : this.#lostBefore(begins.sequence)
      if (lost) this.#problem(found, { ...lost, what: 'records before this segment are missing' })
      this.#next = begins.sequence
    }
  }

  #addDamage({ found, end }: OrderedSegment, gap: SegmentGap): void {
    const { from, to, before = this.#next, behind } = gap
    const lost = before === undefined ? spanTo(behind - 1) : lostRecords(before, behind - 1)
    const proof =
      end === undefined
        ? 'frames behind it say that it had been synced'
        : `the segment is whole up to offset ${end}, as the header of the one behind it says`
    this.#problem(found, { from, to, ...lost, what: damagedBytes(lost), proof })
    this.#next = behind
  }

  /** The end of a segment that is not the last one. */
  #addEnd({ found, end }: OrderedSegment, contents: SegmentContents, later: OrderedSegment): void {
    const { nextSequence = this.#next, restIsZero } = contents
    this.#next = nextSequence
    // What a missing segment would have held is told with that one.
    const base = later.missing ? undefined : later.header?.baseSequence
    const lost = base === undefined ? undefined : this.#lostBefore(base)
    const from = contents.end
    if (end === undefined) {
      this.#doubtful += contents.unconfirmed
      const rest = { from, to: found.size }
      if (lost) this.#problem(found, { ...rest, ...lost, what: 'records are missing behind it' })
      else if (!restIsZero) this.#note(found, { ...rest, what: 'bytes that are not of the log' })
    } else if (from < end || found.size < end || lost) {
      const proof = `the header of the segment behind it says that it ends at offset ${end}`
      const what = found.size < end ? 'the file was cut off' : damagedBytes(lost)
      this.#problem(found, { from, to: Math.max(from, end), ...lost, what, proof })
    }
    if (base !== undefined) this.#next = base
  }

  /** Bytes in the midst of the last segment of which nothing shows that they had been synced. */
  #addTornMiddle({ found }: OrderedSegment, contents: SegmentContents, gap: SegmentGap): void {
    const { from, to, before = this.#next, behind, recordsBefore } = gap
    const lost = before === undefined ? spanTo(behind - 1) : lostRecords(before, behind - 1)
    this.#behindTornTail = contents.records - recordsBefore
    this.#note(found, { from, to, ...lost, what: tornTail })
    this.#next = contents.nextSequence
  }

  /** What lies behind the last frame of all. */
  #addTail({ found }: OrderedSegment, contents: SegmentContents): void {
    const { nextSequence = this.#next, restIsZero, end: from } = contents
    this.#next = nextSequence
    if (restIsZero) return
    const rest = { from, to: found.size }
    if (this.#knownSynced < (nextSequence ?? 1)) this.#note(found, { ...rest, what: noRecords })
    else this.#problem(found, { ...rest, what: 'bytes are damaged', proof: this.#cursorProof() })
  }

  #isProven({ from, before = this.#next }: SegmentGap, { syncedTo }: SegmentContents): boolean {
    return from < syncedTo || (before !== undefined && this.#knownSynced >= before)
  }

  /** The records from the one that comes next to the one before this. */
  #lostBefore(sequence: number): Lost | undefined {
    return this.#next === undefined ? spanTo(sequence - 1) : lostRecords(this.#next, sequence - 1)
  }

  #cursorProof(): string {
    return `a cursor has seen record ${this.#knownSynced}`
  }

  #problem({ path }: FoundSegment, finding: Omit<Finding, 'file'>): void {
    this.#findings.problem({ file: path, ...finding })
  }

  #note({ path }: FoundSegment, finding: Omit<Finding, 'file'>): void {
    this.#findings.note({ file: path, ...finding })
  }
}

const noRecords = 'no records: a torn tail, or what the file held when it was an earlier segment'
const tornTail = 'a torn tail: nothing shows that these bytes had been synced'

type Lost = Pick<Finding, 'records' | 'mostRecords'>

function spanTo(to: number): Lost | undefined {
  return to < 1 ? undefined : { records: { to }, mostRecords: to }
}

function damagedBytes(lost: Lost | undefined): string {
  return lost ? 'records are damaged' : 'bytes are damaged, though no record'
}
