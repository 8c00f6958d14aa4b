/** Pieces of work, one after the other. */
export class Turns {
  #last: Promise<unknown> = Promise.resolve()

  run<T>(work: () => Promise<T>): Promise<T> {
    const turn = this.#last.then(work)
    this.#last = turn.catch(() => {})
    return turn
  }

  /** Resolves once all that was begun so far has ended. */
  async idle(): Promise<void> {
    await this.#last
  }
}
