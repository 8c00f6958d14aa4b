import { futureFormat } from '../log-errors.ts'
import { recordWrittenAt } from '../record-format.ts'
import type { FoundSegment } from '../segment-chain.ts'
import { readSegmentHeader, segmentHeaderBytes, segmentSalt } from '../segment-header.ts'
import { segmentNumber } from '../segment-name.ts'
import { type FoundFrame, scanSegment, searchTail } from '../segment-scan.ts'
import type { Findings } from './finding.ts'
import { LogLosses } from './log-losses.ts'
import { searchSalt } from './salt-search.ts'
import { neverUsed, type OrderedSegment, orderSegments } from './segment-order.ts'
import { type FrameVisitor, type SegmentContents, surveySegment } from './segment-survey.ts'
import type { WatchedFiles } from './watched-files.ts'
import { WrittenTimes } from './written-times.ts'

/** A segment as it was read. */
export interface SegmentReport {
  /** Path in the directory. */
  readonly file: string
  readonly number: number
  /** Of the file. */
  readonly bytes: number
  /** Where what can be read of it ends. */
  readonly end: number
  /** Records that were read. */
  readonly records: number
  /** Marks of a clean close. */
  readonly markers: number
  /** 0 if there is no record. */
  readonly firstSequence: number
  readonly lastSequence: number
  /** In digits; `'0'` if there is no record. */
  readonly highestVersion: string
}

/** What a log holds, as far as it can be read. */
export interface LogSurvey {
  /** Of its headers; undefined if none can be read. */
  readonly namespace: string | undefined
  readonly segments: readonly SegmentReport[]
  readonly records: number
  /** 0 if there is no record. */
  readonly firstSequence: number
  readonly lastSequence: number
  readonly highestVersion: bigint
  /**
   * Records that can be read and would not be delivered by opening the log: they lie behind a torn
   * tail, so that nobody was ever told `'yes'` of them.
   */
  readonly behindTornTail: number
  /**
   * Of the records before a segment whose header is gone: so many may have been answered `'no'`, as
   * only that header could tell.
   */
  readonly doubtful: number
}

export interface LogSurveyOptions {
  readonly files: WatchedFiles
  readonly findings: Findings
  /** Highest sequence that a cursor has seen. */
  readonly knownSynced: number
  /** Is shown the records in order. Asked for once the namespace is known, if it can be. */
  visitor(namespace: string | undefined): FrameVisitor | Promise<FrameVisitor>
}

const folder = 'segments'

/**
 * Reads all segments, oldest first, with every frame in them. Damage is told to the findings, and
 * gone past. Rejects with `ERR_FUTURE_FORMAT`, `ERR_ABORTED`, or the disk's error.
 */
export async function surveyLog(options: LogSurveyOptions): Promise<LogSurvey> {
  const found = await findSegments(options.files)
  const { segments, unclear, salt: known } = orderSegments(found, options.findings)
  for (const segment of unclear) await judgeUnclear(segment, options)
  const salt = known ?? (await saltOf(segments, options.files))
  const survey = new Survey(options, segments, salt)
  return survey.run()
}

async function findSegments(files: WatchedFiles): Promise<readonly FoundSegment[]> {
  const found: FoundSegment[] = []
  for (const name of await files.list(folder)) {
    const number = segmentNumber(name)
    if (number === undefined) continue
    const path = `${folder}/${name}`
    const size = await files.expect(path)
    const finding = await files.use(path, async (file) => {
      const block = Buffer.alloc(segmentHeaderBytes)
      const filled = await file.read(block, 0)
      return readSegmentHeader(block.subarray(0, filled))
    })
    if (finding.state === 'future') throw futureFormat(path, finding.version)
    found.push({ path, number, size, finding })
  }
  return found
}

async function judgeUnclear(
  { path, size, finding }: FoundSegment,
  { files, findings }: LogSurveyOptions,
): Promise<void> {
  const holdsFrame =
    finding.state !== 'whole' ||
    (await files.use(path, async (file) => {
      const { end } = await scanSegment(file, finding.header, size)
      return end > segmentHeaderBytes
    }))
  if (holdsFrame) findings.problem({ file: path, what: 'the file is no segment of this log' })
  else findings.note({ file: path, what: neverUsed })
}

async function saltOf(segments: readonly OrderedSegment[], files: WatchedFiles): Promise<number> {
  for (const { found } of segments) {
    const salt = await files.use(found.path, searchSalt)
    // Taken once more, the number falls out of it.
    if (salt !== undefined) return segmentSalt({ salt, number: found.number })
  }
  return 0
}

class Survey {
  readonly #options: LogSurveyOptions
  readonly #segments: readonly OrderedSegment[]
  readonly #salt: number
  readonly #losses: LogLosses
  readonly #reports: SegmentReport[] = []
  readonly #times = new WrittenTimes()
  #highestVersion = 0n

  constructor(options: LogSurveyOptions, segments: readonly OrderedSegment[], salt: number) {
    this.#options = options
    this.#segments = segments
    this.#salt = salt
    this.#losses = new LogLosses(options.findings, options.knownSynced)
  }

  async run(): Promise<LogSurvey> {
    const namespace = this.#segments.findLast(({ header }) => header)?.header?.namespace
    const visitor = this.#timing(await this.#options.visitor(namespace))
    for (const [index, segment] of this.#segments.entries()) {
      const later = this.#segments.slice(index + 1)
      const below = await this.#sequenceBehind(segment, later)
      const contents = await this.#read(segment, below, visitor)
      this.#losses.add(segment, contents, later[0])
      this.#report(segment, contents)
      this.#highestVersion = maxOf(this.#highestVersion, contents.highestVersion)
    }
    await visitor.pause()
    this.#losses.finish()
    this.#options.findings.describe((records) => this.#times.around(records))
    const holding = this.#reports.filter(({ records }) => records > 0)
    return {
      namespace,
      segments: this.#reports,
      records: holding.reduce((sum, { records }) => sum + records, 0),
      firstSequence: holding[0]?.firstSequence ?? 0,
      lastSequence: holding.at(-1)?.lastSequence ?? 0,
      highestVersion: this.#highestVersion,
      behindTornTail: this.#losses.behindTornTail,
      doubtful: this.#losses.doubtful,
    }
  }

  #timing(visitor: FrameVisitor): FrameVisitor {
    return {
      record: (walker) => {
        this.#times.add(walker.sequence, recordWrittenAt(walker.buffer, walker.bodyStart))
        visitor.record(walker)
      },
      pause: () => visitor.pause(),
    }
  }

  #read(
    { found, header, end }: OrderedSegment,
    belowSequence: number,
    visitor: FrameVisitor,
  ): Promise<SegmentContents> {
    const place = {
      salt: this.#saltOf(found),
      baseSequence: header?.baseSequence,
      leastSequence: this.#losses.next ?? 1,
      belowSequence,
      limit: Math.min(end ?? found.size, found.size),
    }
    return this.#options.files.use(found.path, (file) => surveySegment(file, place, visitor))
  }

  /**
   * A sequence from which on records are of later segments. Where a segment's end is known nothing
   * of it lies behind that; where not, what lies there may be records that were answered `'no'`, and
   * whose sequences were given again.
   */
  async #sequenceBehind(
    { header, end }: OrderedSegment,
    later: readonly OrderedSegment[],
  ): Promise<number> {
    const least = header?.baseSequence ?? this.#losses.next ?? 1
    for (const segment of later) {
      const base =
        segment.header?.baseSequence ??
        (end === undefined ? await this.#firstSequenceIn(segment, least) : undefined)
      if (base !== undefined && base >= least) return base
    }
    return Number.POSITIVE_INFINITY
  }

  async #firstSequenceIn({ found }: OrderedSegment, least: number): Promise<number | undefined> {
    const { path, size } = found
    const frame = await this.#options.files.use(path, async (file) => {
      const accept = ({ sequence }: FoundFrame): boolean => sequence >= least
      return (await searchTail(file, this.#saltOf(found), segmentHeaderBytes, size, accept)).frame
    })
    return frame?.sequence
  }

  #saltOf({ number }: FoundSegment): number {
    return segmentSalt({ salt: this.#salt, number })
  }

  #report({ found }: OrderedSegment, contents: SegmentContents): void {
    const { records, markers, firstSequence, lastSequence, highestVersion, end } = contents
    this.#reports.push({
      file: found.path,
      number: found.number,
      bytes: found.size,
      end,
      records,
      markers,
      firstSequence,
      lastSequence,
      highestVersion: highestVersion.toString(),
    })
  }
}

function maxOf(a: bigint, b: bigint): bigint {
  return a > b ? a : b
}
