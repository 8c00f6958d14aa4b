import { type Summary, summarize } from './statistics.ts'

/**
 * Finds out, from outside, how many writes share one sync.
 *
 * The answers of a group come in one turn of the event loop, since one disk call answers them
 * all, and the next group's disk call cannot be over before the loop has turned. So completions
 * between two turns are a group.
 */
export class GroupCounter {
  readonly #sizes: number[] = []
  #open = 0
  readonly #close = (): void => {
    this.#sizes.push(this.#open)
    this.#open = 0
  }

  /** Call at every completed write. */
  completed(): void {
    if (this.#open === 0) setImmediate(this.#close)
    this.#open += 1
  }

  /** The sizes seen, in records; undefined while no group is complete. */
  sizes(): Summary | undefined {
    return this.#sizes.length === 0 ? undefined : summarize(this.#sizes)
  }
}
