import type { Meter } from '../harness/meter.ts'
import type { WritersNotes } from '../harness/writers.ts'

/** What every contestant is asked to do in a round. */
export interface Task {
  /** An empty directory on the disk under test. */
  readonly directory: string
  readonly meter: Meter
  readonly payloadBytes: number
  /** Writers in flight, for contestants that take single writes. */
  readonly writers: number
  /** Records per sync, for contestants that are told: the mean of what ours was seen to use. */
  readonly groupRecords: number
}

/** Something that appends durably, and how fast is the question. */
export interface Contestant {
  /** Short and unique; names it in tables and in JSON. */
  readonly name: string
  /**
   * One round: sets up, writes until the meter's time is up, takes down. Only the writes are timed.
   * Answers with what was seen of its writers, if it has any.
   */
  run(task: Task): Promise<WritersNotes | undefined>
}
