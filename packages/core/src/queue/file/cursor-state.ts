import { type AttemptState, noAttempts } from '../../consumer/consumer.ts'
import { AckedSequences, type SequenceRange } from './cursor-acked.ts'
import { type CursorChanges, PendingChanges } from './cursor-changes.ts'
import { ScheduleState } from './cursor-schedule.ts'

/** Body size at which the contents of a rewritten journal are split. */
const splitBytes = 1 << 16

/** What a cursor remembers of one target's progress. */
export class CursorState extends ScheduleState implements CursorChanges {
  readonly done: AckedSequences
  /** Records tried without success. None of them is in `done`. */
  readonly tried = new Map<number, AttemptState>()
  /** When an attempt was begun whose end is not known. None of them is in `done`. */
  readonly underWay = new Map<number, number>()

  constructor() {
    const done = new AckedSequences()
    super(done)
    this.done = done
  }

  acked(range: SequenceRange): void {
    this.done.addRange(range)
    this.scheduled(range)
    const [from, to] = range
    for (const sequences of [this.tried, this.underWay]) {
      if (sequences.size === 0) continue
      // Whichever is shorter: a range may span all there ever was.
      if (to - from < sequences.size) {
        for (let each = from; each <= to; each++) sequences.delete(each)
      } else {
        for (const each of sequences.keys()) if (each >= from && each <= to) sequences.delete(each)
      }
    }
  }

  begun([from, to]: SequenceRange, at: number): void {
    for (let sequence = from; sequence <= to; sequence++) {
      if (!this.done.has(sequence)) this.underWay.set(sequence, at)
    }
  }

  attempts(sequence: number, state: AttemptState | undefined): void {
    this.underWay.delete(sequence)
    if (state && !this.done.has(sequence)) this.tried.set(sequence, state)
    else this.tried.delete(sequence)
  }

  /**
   * The process died: what was under way is counted as an attempt that was interrupted. Answers
   * how many there were.
   */
  interrupt(target: string): number {
    const count = this.underWay.size
    for (const [sequence, at] of this.underWay) {
      const before = this.tried.get(sequence) ?? noAttempts
      this.tried.set(sequence, interrupted(before, target, at))
    }
    this.underWay.clear()
    return count
  }

  /** All of it, as the bodies of a journal. Takes a snapshot if read in one go. */
  *contents(): Generator<Buffer> {
    const pending = new PendingChanges()
    let ranges = 0
    for (const range of this.done.ranges()) {
      pending.ackedRange(range)
      if (++ranges % (splitBytes / 4) === 0) yield pending.take()
    }
    if (!pending.empty) yield pending.take()
    if (this.runs.size > 0) {
      this.retell(pending)
      for (const range of this.passed.ranges()) {
        pending.scheduled(range)
        if (++ranges % (splitBytes / 4) === 0) yield pending.take()
      }
      if (!pending.empty) yield pending.take()
    }
    let bytes = 0
    for (const [sequence, state] of this.tried) {
      pending.attempts(sequence, state)
      bytes += 128
      if (bytes % splitBytes === 0) yield pending.take()
    }
    for (const [sequence, at] of this.underWay) pending.begun(sequence, at)
    if (!pending.empty) yield pending.take()
  }
}

function interrupted(before: AttemptState, target: string, at: number): AttemptState {
  return {
    spent: before.spent + 1,
    interrupted: before.interrupted + 1,
    notBefore: before.notBefore,
    history: [
      ...before.history,
      {
        at,
        // When it ended, nobody was left to see.
        durationMs: 0,
        target,
        class: 'interrupted',
        code: 'ERR_INTERRUPTED',
        message: 'The process ended while the attempt was under way.',
      },
    ],
  }
}
