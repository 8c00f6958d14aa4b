import { AckedSequences, type SequenceRange } from './cursor-acked.ts'

/** What can happen to the schedule of a cursor's target. See `CursorChanges`. */
export interface ScheduleChanges {
  /** A run was made, and is durable. */
  runAdded(number: number, salt: number): void
  /** These sequences are in the runs there are. */
  scheduled(range: SequenceRange): void
  /** What was in the run and is not done with is in another. */
  runRemoved(number: number): void
  /** All records in the run's blocks before this one are done with. */
  floorRaised(number: number, block: number): void
  /** So many more records of the block are done with before their time. */
  gone(number: number, block: number, count: number): void
  /** There is no schedule any more: what is not done with must be read in the log again. */
  scheduleDropped(): void
}

/** What is known of a run that is in use. */
export interface KnownRun {
  readonly salt: number
  readonly floor: number
  readonly gone: ReadonlyMap<number, number>
}

interface MutableRun extends KnownRun {
  floor: number
  readonly gone: Map<number, number>
}

/** What a cursor remembers of the runs of its schedule. */
export class ScheduleState implements ScheduleChanges {
  readonly #runs = new Map<number, MutableRun>()
  readonly #done: AckedSequences
  #passed = new AckedSequences()
  #highestNumber = 0

  constructor(done: AckedSequences) {
    this.#done = done
  }

  /** By number. */
  get runs(): ReadonlyMap<number, KnownRun> {
    return this.#runs
  }

  /** Sequences that need not be read in the log: done with, or in a run. */
  get passed(): AckedSequences {
    return this.#passed
  }

  /** Higher than that of any run there was. */
  get nextNumber(): number {
    return this.#highestNumber + 1
  }

  runAdded(number: number, salt: number): void {
    this.#runs.set(number, { salt, floor: 0, gone: new Map() })
    this.#highestNumber = Math.max(this.#highestNumber, number)
  }

  scheduled(range: SequenceRange): void {
    this.#passed.addRange(range)
  }

  runRemoved(number: number): void {
    this.#runs.delete(number)
  }

  floorRaised(number: number, block: number): void {
    const run = this.#runs.get(number)
    if (!run) return
    run.floor = block
    for (const each of run.gone.keys()) if (each < block) run.gone.delete(each)
  }

  gone(number: number, block: number, count: number): void {
    const gone = this.#runs.get(number)?.gone
    gone?.set(block, (gone.get(block) ?? 0) + count)
  }

  scheduleDropped(): void {
    this.#runs.clear()
    this.#passed = this.#done.copy()
  }

  /** Says it all again. */
  retell(to: ScheduleChanges): void {
    for (const [number, { salt, floor, gone }] of this.#runs) {
      to.runAdded(number, salt)
      if (floor > 0) to.floorRaised(number, floor)
      for (const [block, count] of gone) to.gone(number, block, count)
    }
  }
}
