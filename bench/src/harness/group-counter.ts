import { type Summary, summarize } from './statistics.ts'

/**
 * Finds out, from outside, how many records share one sync.
 *
 * The answers of a group come in one turn of the event loop, since one disk call answers them
 * all, and the next group's disk call cannot be over before the loop has turned. So completions
 * between two turns are a group.
 */
export class GroupCounter {
  readonly #sizes: number[] = []
  #counted = 0
  #open = false
  readonly #close = (): void => {
    if (this.#counted > 0) this.#sizes.push(this.#counted)
    this.#counted = 0
    this.#open = false
  }

  /** Call at every completed write with its records: 0 if it does not count, but marks the turn. */
  completed(records: number): void {
    if (!this.#open) setImmediate(this.#close)
    this.#open = true
    this.#counted += records
  }

  /** The sizes seen, in records; undefined while no group is complete. */
  sizes(): Summary | undefined {
    return this.#sizes.length === 0 ? undefined : summarize(this.#sizes)
  }
}
