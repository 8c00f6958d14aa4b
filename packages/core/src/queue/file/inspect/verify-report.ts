import type { CursorState } from '../cursor-state.ts'
import type { SurveyedCursor } from './cursor-survey.ts'
import type { DirectorySurvey } from './directory-survey.ts'
import type { Finding } from './finding.ts'
import type { LastOwner } from './live-owner.ts'
import type { SegmentReport } from './log-survey.ts'
import type { ScheduleReport } from './schedule-survey.ts'

/** What `verifyFileQueue` found. Plain data: it can be stored as JSON. */
export interface VerifyReport {
  /** True if there are no problems: every byte that ever was synced is as it was written. */
  readonly ok: boolean
  readonly directory: string
  /** Who had the directory open last; undefined if nobody ever had, or that cannot be read. */
  readonly owner: LastOwner | undefined
  readonly log: LogReport
  /** One per target there ever was. */
  readonly cursors: readonly CursorReport[]
  /** Undefined if there is no file of them. */
  readonly deadLetters: DeadLettersReport | undefined
  /** What is lost or damaged, in the order of reading. */
  readonly problems: readonly Finding[]
  /** Leftovers of crashes and the like, of which nothing comes. */
  readonly notes: readonly Finding[]
}

/** The records of a queue. */
export interface LogReport {
  /** Undefined if no segment's header can be read. */
  readonly namespace: string | undefined
  /** Records that can be read. */
  readonly records: number
  /** 0 if there is no record. */
  readonly firstSequence: number
  readonly lastSequence: number
  /** In digits; `'0'` if there is no record. */
  readonly highestVersion: string
  /**
   * Records that can be read and that opening the queue would leave out, as they lie behind a torn
   * tail: nobody was ever told `'yes'` of them, as far as the files show.
   */
  readonly behindTornTail: number
  /**
   * Records before a missing header that may have been answered `'no'` by their writers' last
   * knowledge: that header would tell. At most so many of those read.
   */
  readonly doubtful: number
  readonly segments: readonly SegmentReport[]
}

/** One target's progress. */
export interface CursorReport {
  /** Path in the directory. */
  readonly file: string
  /** Undefined if the name of the file does not give it. */
  readonly target: string | undefined
  readonly bytes: number
  readonly entries: number
  /** All records up to this one are done with. */
  readonly through: number
  /** The highest one that is done with. */
  readonly highest: number
  /** Records of the log that are not done with: the delayed ones, too. */
  readonly pending: number
  /** Records of which attempts are remembered. */
  readonly tried: number
  /** Attempts under way when the process ended. */
  readonly underWay: number
  /** The delayed records that lie sorted in files of their own. */
  readonly schedule: ScheduleReport
  /** At most so many of the lost records had not been applied to the target. Undefined: unknown. */
  readonly missed: number | undefined
}

/** The dead letters of a queue. */
export interface DeadLettersReport {
  readonly file: string
  readonly bytes: number
  readonly entries: number
  /** Letters that wait, by target. */
  readonly waiting: Readonly<Record<string, number>>
}

/** Puts together what a survey found. */
export function verifyReportOf(survey: DirectorySurvey): VerifyReport {
  const { files, owner, log, letters, findings } = survey
  const cursors = survey.cursors.map((cursor) => cursorReportOf(cursor, survey))
  const { problems, notes } = findings
  return {
    ok: problems.length === 0,
    directory: files.directory,
    owner,
    log: { ...log, highestVersion: log.highestVersion.toString() },
    cursors,
    deadLetters: letters && {
      file: letters.file,
      bytes: letters.bytes,
      entries: letters.entries,
      waiting: letters.targets,
    },
    problems,
    notes,
  }
}

function cursorReportOf(
  { file, target, bytes, entries, state }: SurveyedCursor,
  { log, schedules, findings }: DirectorySurvey,
): CursorReport {
  const { done, tried, underWay } = state
  const { firstSequence, lastSequence } = log
  return {
    file,
    target,
    bytes,
    entries,
    through: done.through,
    highest: done.highest,
    pending: lastSequence === 0 ? 0 : missingIn(state, firstSequence, lastSequence),
    tried: tried.size,
    underWay: underWay.size,
    schedule: schedules.get(file) ?? { runs: 0, records: 0, bytes: 0 },
    missed: missedOf(state, findings.problems),
  }
}

function missedOf(state: CursorState, problems: readonly Finding[]): number | undefined {
  let missed: number | undefined = 0
  for (const { records } of problems) {
    if (records === undefined) continue
    const { from = 1, to } = records
    if (to === undefined) return undefined
    missed += missingIn(state, from, to)
  }
  return missed
}

function missingIn({ done }: CursorState, from: number, to: number): number {
  return done.countMissing(to) - done.countMissing(from - 1)
}
