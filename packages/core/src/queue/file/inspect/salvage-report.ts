import type { Finding } from './finding.ts'
import type { CopiedRun } from './sequence-map.ts'
import type { VerifyReport } from './verify-report.ts'

/** What `salvageFileQueue` did. Plain data: it can be stored as JSON. */
export interface SalvageReport {
  /** True if there was nothing wrong: the copy holds all that the log held. */
  readonly complete: boolean
  readonly from: string
  readonly into: string
  /**
   * Of the problems found, those by which records were lost: exactly what the copy lacks. What a
   * torn tail has cut off, of which nobody was told `'yes'`, is among the notes of `found`.
   */
  readonly lost: readonly Finding[]
  /** All that was found where it was copied from. */
  readonly found: VerifyReport
  readonly copied: CopiedParts
}

/** What a copy holds. */
export interface CopiedParts {
  readonly records: number
  /** Which sequences the records have in the copy. */
  readonly sequences: readonly CopiedRun[]
  /** Cursors, by their paths. They say of the records in the copy what they said before. */
  readonly cursors: readonly string[]
  /**
   * Cursors of which nothing could be read, by their paths. They are not in the copy: their targets
   * are given every record in it.
   */
  readonly lostCursors: readonly string[]
  readonly deadLetters: number
}
