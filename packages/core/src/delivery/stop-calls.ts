/**
 * Whom a delivery that gives up tells of it: one listener on its signal for all applies under way. One for each would take
 * longer than the rest of what is done around an apply.
 */
export class StopCalls {
  readonly #signal: AbortSignal
  readonly #calls = new Set<() => void>()

  constructor(signal: AbortSignal) {
    this.#signal = signal
    signal.addEventListener('abort', () => {
      for (const call of [...this.#calls]) call()
    })
  }

  /** True once it has given up: nobody is told any more. */
  get isStopped(): boolean {
    return this.#signal.aborted
  }

  add(call: () => void): void {
    this.#calls.add(call)
  }

  delete(call: () => void): void {
    this.#calls.delete(call)
  }
}
