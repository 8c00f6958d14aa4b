import type { FoundSegment } from '../segment-chain.ts'
import { type SegmentHeader, segmentHeaderBytes } from '../segment-header.ts'
import { segmentName } from '../segment-name.ts'
import type { Findings } from './finding.ts'

/** A segment of the log, as far as headers tell. */
export interface OrderedSegment {
  readonly found: FoundSegment
  /** Undefined where it cannot be read. */
  readonly header: SegmentHeader | undefined
  /** Where it ends, as the header of the segment behind it says. Undefined where none says so. */
  readonly end: number | undefined
  /** What is known of a segment that should lie before this one and is not there. */
  readonly missing: MissingSegment | undefined
}

/** A segment that is not there. */
export interface MissingSegment {
  /** The path it would have. */
  readonly file: string
  readonly proof: string
}

/** The segments of a log, oldest first, with what is missing or superfluous among the files. */
export interface SegmentOrder {
  readonly segments: readonly OrderedSegment[]
  /**
   * Files outside of the log that are longer than a header. One that was an earlier segment before
   * has a whole header, and no frame of its own behind it; any other is damage.
   */
  readonly unclear: readonly FoundSegment[]
  /** The log's, by the newest whole header; undefined if there is none. */
  readonly salt: number | undefined
}

/**
 * Puts segments in order like `chainSegments`, but goes on where that refuses: with a segment whose
 * header is damaged or that does not fit, and behind one that is missing. Each of these is a problem.
 */
export function orderSegments(found: readonly FoundSegment[], findings: Findings): SegmentOrder {
  const order = new Ordering(found, findings)
  return order.run()
}

/** What the newest whole header says of the log. */
interface KnownLog {
  readonly firstKept: number
  readonly salt: number
}

/** What lies before a segment. */
interface Before {
  readonly found?: FoundSegment | undefined
  readonly end?: number
  readonly missing?: MissingSegment
}

class Ordering {
  readonly #found: readonly FoundSegment[]
  readonly #findings: Findings
  readonly #byNumber: ReadonlyMap<number, FoundSegment>
  /** Newest first. */
  readonly #segments: OrderedSegment[] = []

  constructor(found: readonly FoundSegment[], findings: Findings) {
    this.#findings = findings
    this.#found = [...found].sort((a, b) => a.number - b.number)
    this.#byNumber = new Map(this.#found.map((segment) => [segment.number, segment]))
  }

  run(): SegmentOrder {
    const newest = this.#found.findLast((each) => headerOf(each) !== undefined)
    const header = newest && headerOf(newest)
    const firstKept = header?.firstKept ?? 0
    // What lies behind the newest whole header is of a segment whose own one is damaged.
    for (const each of [...this.#found].reverse()) {
      if (newest && each.number <= newest.number) break
      if (isHeadless(each)) this.#addHeadless(each, undefined, undefined)
    }
    if (newest && header) this.#follow(newest, header, { firstKept, salt: header.salt })
    else this.#noteUnknownStart()
    const unclear = this.#reportRest(firstKept)
    return { segments: this.#segments.reverse(), unclear, salt: header?.salt }
  }

  /** Without any header nobody can tell whether what came before was let go or is lost. */
  #noteUnknownStart(): void {
    const oldest = this.#segments.pop()
    if (!oldest) return
    const { number } = oldest.found
    const proof = `there is a segment ${number}, and no header that says what was let go before it`
    const missing = number > 1 ? missingSegment(number - 1, proof) : undefined
    this.#segments.push({ ...oldest, missing })
  }

  /** Follows the headers back, from one to the one it names. */
  #follow(newest: FoundSegment, newestHeader: SegmentHeader, log: KnownLog): void {
    let found: FoundSegment | undefined = newest
    let header: SegmentHeader | undefined = newestHeader
    let end: number | undefined
    while (found) {
      const before = this.#before(found, header, log)
      if (header) this.#segments.push({ found, header, end, missing: before.missing })
      else this.#addHeadless(found, end, before.missing)
      const next: SegmentHeader | undefined = header
      found = before.found
      end = before.end
      header = found && this.#headerInLog(found, log.salt)
      if (!found || !header || !next || end === undefined || fits(header, next)) continue
      this.#reportMisfit(found)
      end = undefined
    }
  }

  /**
   * The segment before this one: the one that its header names. Where that is missing, or the
   * header cannot be read, the next one down is taken for it, and nobody knows where that ends.
   */
  #before(found: FoundSegment, header: SegmentHeader | undefined, log: KnownLog): Before {
    const { firstKept } = log
    if (header) {
      if (header.previousNumber < firstKept) return {}
      const named = this.#byNumber.get(header.previousNumber)
      if (named) return { found: named, end: header.previousEnd }
      const proof = `segment ${header.number} was begun after it`
      const missing = missingSegment(header.previousNumber, proof)
      return { found: this.#lower(header.previousNumber, log), missing }
    }
    const lower = this.#lower(found.number, log)
    if (lower || found.number <= firstKept) return { found: lower }
    return { missing: missingSegment(firstKept, 'the newest header that is whole counts it in') }
  }

  /** The next file below that number which holds something of the log. */
  #lower(number: number, { firstKept, salt }: KnownLog): FoundSegment | undefined {
    return this.#found.findLast(
      (each) =>
        each.number < number &&
        each.number >= firstKept &&
        (this.#headerInLog(each, salt) !== undefined || isHeadless(each)),
    )
  }

  #headerInLog(found: FoundSegment, salt: number): SegmentHeader | undefined {
    const header = headerOf(found)
    return header?.salt === salt ? header : undefined
  }

  #addHeadless(
    found: FoundSegment,
    end: number | undefined,
    missing: MissingSegment | undefined,
  ): void {
    this.#segments.push({ found, header: undefined, end, missing })
    this.#findings.problem({
      file: found.path,
      from: 0,
      to: Math.min(found.size, segmentHeaderBytes),
      what: "a segment's header is damaged",
      proof:
        end === undefined
          ? 'the file is longer than a header, and nothing is written behind one before its sync'
          : 'the segment that was begun after it names it',
    })
  }

  #reportMisfit(found: FoundSegment): void {
    this.#findings.problem({
      file: found.path,
      what: 'a segment is not the one that belongs there',
      proof: 'the header of the segment behind it gives another place in the log, or another end',
    })
  }

  /** Answers those of which only their frames can tell whether they have been in use. */
  #reportRest(firstKept: number): readonly FoundSegment[] {
    const used = new Set(this.#segments.map(({ found }) => found))
    const unclear: FoundSegment[] = []
    for (const found of this.#found) {
      if (used.has(found)) continue
      const { path: file, number, size, finding } = found
      if (number < firstKept) this.#findings.note({ file, what: 'a segment that was let go' })
      else if (finding.state === 'foreign') {
        this.#findings.problem({ file, what: 'the file is no segment of a log' })
      } else if (size > segmentHeaderBytes) unclear.push(found)
      else this.#findings.note({ file, what: neverUsed })
    }
    return unclear
  }
}

/** What becomes of making a segment that fails, or that a crash cuts short. */
export const neverUsed = 'a segment that was begun and never used'

function missingSegment(number: number, proof: string): MissingSegment {
  return { file: `segments/${segmentName(number)}`, proof }
}

/** Undefined also where a header is whole and the file has the name of another segment. */
function headerOf({ finding, number }: FoundSegment): SegmentHeader | undefined {
  return finding.state === 'whole' && finding.header.number === number ? finding.header : undefined
}

/** True if frames may lie behind a header that cannot be read. */
function isHeadless({ finding, size }: FoundSegment): boolean {
  return finding.state !== 'whole' && size > segmentHeaderBytes
}

function fits(header: SegmentHeader, next: SegmentHeader): boolean {
  return (
    header.position + next.previousEnd === next.position && header.baseSequence <= next.baseSequence
  )
}
