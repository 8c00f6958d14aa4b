/** Records of the log, by their sequences. An end that cannot be told is left out. */
export interface SequenceSpan {
  /** The first of them. */
  readonly from?: number
  /** The last of them. */
  readonly to?: number
}

/** Something in a queue's directory that is not as it should be, or not needed. */
export interface Finding {
  /** Path in the directory, such as `segments/000000000001.segment`. */
  readonly file: string
  /** The first byte concerned, counted from the file's start. Left out: the file as a whole. */
  readonly from?: number
  /** The byte behind the last one concerned. */
  readonly to?: number
  /** The records that cannot be read because of it. Left out: none. */
  readonly records?: SequenceSpan
  /** At most so many records cannot be read because of it. Left out: that cannot be told, or none. */
  readonly mostRecords?: number
  /**
   * When the records around these were written, by the clocks of their writers, in ms since the Unix
   * epoch: whoever wrote between the two may have written one of these. Left out: not known.
   */
  readonly writtenAfter?: number
  readonly writtenBefore?: number
  /** Of a journal: at most so many of its entries cannot be read because of it. */
  readonly mostEntries?: number
  /** What is wrong, as a clause. */
  readonly what: string
  /** What shows that it was whole once, as a clause. */
  readonly proof?: string
}

/** When the neighbours of lost records were written. */
export type Neighbours = Pick<Finding, 'writtenAfter' | 'writtenBefore'>

/** What is found out while a directory is read, in the order of reading. */
export class Findings {
  /** What was lost or damaged. */
  readonly problems: Finding[] = []
  /** What needs nobody's attention: leftovers of a crash, say. */
  readonly notes: Finding[] = []

  /** A record or a file that is lost, or damaged. */
  problem(finding: Finding): void {
    this.problems.push(finding)
  }

  note(finding: Finding): void {
    this.notes.push(finding)
  }

  /** Adds to each finding that has lost records what is known of their neighbours. */
  describe(neighboursOf: (records: SequenceSpan) => Neighbours): void {
    for (const findings of [this.problems, this.notes]) {
      for (const [index, finding] of findings.entries()) {
        const { records } = finding
        if (records) findings[index] = { ...finding, ...neighboursOf(records) }
      }
    }
  }
}

/** The span from one sequence to another, with how many they are. Undefined if there is none. */
export function lostRecords(
  from: number,
  to: number,
): { readonly records: SequenceSpan; readonly mostRecords: number } | undefined {
  return from > to ? undefined : { records: { from, to }, mostRecords: to - from + 1 }
}
