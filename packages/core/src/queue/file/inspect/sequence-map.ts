import type { CursorState } from '../cursor-state.ts'

/** Neighbouring records of a log that are neighbours in its copy, too. */
export interface CopiedRun {
  /** Sequence of the first of them in the log. */
  readonly from: number
  /** Of the last of them. */
  readonly to: number
  /** Of the first of them in the copy. */
  readonly became: number
}

/** Which sequence each copied record has in the copy. Both rise together. */
export class SequenceMap {
  readonly #runs: { from: number; to: number; became: number }[] = []
  #next = 1

  get runs(): readonly CopiedRun[] {
    return this.#runs
  }

  /** How many records were copied. */
  get count(): number {
    return this.#next - 1
  }

  /** The next record of the copy has this sequence in the log. */
  add(sequence: number): void {
    const last = this.#runs.at(-1)
    if (last && sequence === last.to + 1) last.to = sequence
    else this.#runs.push({ from: sequence, to: sequence, became: this.#next })
    this.#next += 1
  }

  /** Tells `copy` all that a cursor says of records that were copied, and nothing else. */
  translate(cursor: CursorState, copy: CursorState): void {
    let index = 0
    for (const [from, to] of cursor.done.ranges()) {
      // Ranges and runs both rise: a run that ends before this range is of no use to later ones.
      while ((this.#runs[index]?.to ?? from) < from) index += 1
      for (let at = index; at < this.#runs.length; at++) {
        const run = this.#runs[at] as CopiedRun
        if (run.from > to) break
        const first = Math.max(from, run.from)
        const last = Math.min(to, run.to)
        copy.acked([run.became + first - run.from, run.became + last - run.from])
      }
    }
    for (const [sequence, state] of cursor.tried) {
      const became = this.#becameOf(sequence)
      if (became !== undefined) copy.attempts(became, state)
    }
    for (const [sequence, at] of cursor.underWay) {
      const became = this.#becameOf(sequence)
      if (became !== undefined) copy.begun([became, became], at)
    }
  }

  #becameOf(sequence: number): number | undefined {
    let low = 0
    let high = this.#runs.length
    while (low < high) {
      const middle = (low + high) >>> 1
      if ((this.#runs[middle]?.to ?? 0) < sequence) low = middle + 1
      else high = middle
    }
    const run = this.#runs[low]
    return run && run.from <= sequence ? run.became + sequence - run.from : undefined
  }
}
