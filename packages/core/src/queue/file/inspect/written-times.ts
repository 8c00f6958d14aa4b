import type { Neighbours, SequenceSpan } from './finding.ts'

interface Run {
  readonly from: number
  to: number
  readonly firstWrittenAt: number
  lastWrittenAt: number
}

/** When records were written that have no neighbour on one side: where a gap begins or ends. */
export class WrittenTimes {
  readonly #runs: Run[] = []

  /** Records come in rising order. */
  add(sequence: number, writtenAt: number): void {
    const last = this.#runs.at(-1)
    if (last && sequence === last.to + 1) {
      last.to = sequence
      last.lastWrittenAt = writtenAt
    } else {
      const [from, to] = [sequence, sequence]
      this.#runs.push({ from, to, firstWrittenAt: writtenAt, lastWrittenAt: writtenAt })
    }
  }

  /** Of records that are in none of the runs. */
  around({ from, to }: SequenceSpan): Neighbours {
    const before = from === undefined ? undefined : this.#runs.findLast((run) => run.to < from)
    const behind = to === undefined ? undefined : this.#runs.find((run) => run.from > to)
    return {
      ...(before && { writtenAfter: before.lastWrittenAt }),
      ...(behind && { writtenBefore: behind.firstWrittenAt }),
    }
  }
}
