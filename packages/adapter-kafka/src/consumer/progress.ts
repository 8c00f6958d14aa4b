/** Offsets from `from` up to, and without, `to`. */
export interface Run {
  readonly from: number
  to: number
}

/**
 * Which offsets of a partition are done with: all below `committed`, and runs above it. The lowest
 * one that is not is what a group commits, so that nothing unfinished is ever passed over.
 */
export class Progress {
  #committed: number
  /** Invariant: sorted, apart from each other, all above `#committed`. */
  readonly #runs: Run[]
  /** As they came to be known. */
  #kept: readonly Readonly<Run>[]

  /** The runs are those that a commit had. */
  constructor(committed: number, runs: readonly Run[] = []) {
    this.#committed = committed
    this.#runs = []
    this.#kept = runs
    for (const { from, to } of runs) this.done(from, to)
  }

  /** The lowest offset that is not done with. */
  get committed(): number {
    return this.#committed
  }

  get runs(): readonly Readonly<Run>[] {
    return this.#runs
  }

  /**
   * What every commit has to have, the longest known first: were one of these to come again, it would come behind what
   * comes after it. The other runs may be left out from the last one on, for what comes after those comes again, too.
   */
  get kept(): readonly Readonly<Run>[] {
    this.#kept = this.#kept.filter(({ to }) => to > this.#committed)
    return this.#kept
  }

  /** An offset that stands before lower ones in its key, and is done with. */
  keep(offset: number): void {
    if (offset < this.#committed) return
    const touches = ({ from, to }: Run): boolean => from <= offset + 1 && offset <= to
    const touching = this.#kept.filter(touches)
    const from = Math.min(offset, ...touching.map((run) => run.from))
    const to = Math.max(offset + 1, ...touching.map((run) => run.to))
    const [first] = touching
    const whole = { from, to }
    // They become part of the one that was known first.
    if (first === undefined) this.#kept = [...this.#kept, whole]
    else
      this.#kept = this.#kept.flatMap((run) => {
        if (run === first) return whole
        return touches(run) ? [] : run
      })
  }

  isDone(offset: number): boolean {
    if (offset < this.#committed) return true
    const run = this.#runs[this.#after(offset) - 1]
    return run !== undefined && offset < run.to
  }

  /** How many offsets below this one are not done with. */
  openBelow(end: number): number {
    let open = Math.max(0, end - this.#committed)
    for (const { from, to } of this.#runs) {
      if (from >= end) break
      open -= Math.min(to, end) - from
    }
    return open
  }

  /** These are done with. Saying so twice is harmless. */
  done(from: number, to: number = from + 1): void {
    if (to <= this.#committed || to <= from) return
    // Those that touch the new one become part of it.
    let first = this.#after(from)
    const before = this.#runs[first - 1]
    if (before !== undefined && before.to >= from) first--
    let last = first
    let start = from
    let end = to
    for (let run = this.#runs[last]; run !== undefined && run.from <= end; run = this.#runs[last]) {
      start = Math.min(start, run.from)
      end = Math.max(end, run.to)
      last++
    }
    if (start <= this.#committed) {
      this.#committed = end
      this.#runs.splice(0, last)
    } else {
      this.#runs.splice(first, last - first, { from: start, to: end })
    }
  }

  /** How many runs begin at or below this offset. */
  #after(offset: number): number {
    let low = 0
    let high = this.#runs.length
    while (low < high) {
      const middle = (low + high) >> 1
      const run = this.#runs[middle]
      if (run !== undefined && run.from <= offset) low = middle + 1
      else high = middle
    }
    return low
  }
}
