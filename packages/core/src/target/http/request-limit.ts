import type { Clock, Timer } from '../../clock.ts'

/** Raised where an answer did not come in time. */
export class NoAnswerInTime extends Error {
  constructor(timeoutMs: number) {
    super(`no answer within ${timeoutMs} ms`)
  }
}

/**
 * What cuts a request short: the caller's signal, or the end of its time. A request is at one step at a time, and
 * that step alone is told besides `signal`, by a call: a listener for each step takes longer than the step.
 */
export class RequestLimit {
  readonly #controller = new AbortController()
  readonly #outer: AbortSignal
  readonly #timer: Timer
  #cut: (reason: unknown) => void = () => {}

  constructor(outer: AbortSignal, clock: Clock, timeoutMs: number) {
    this.#outer = outer
    this.#timer = clock.setTimer(timeoutMs, () => this.#reach(new NoAnswerInTime(timeoutMs)))
    outer.addEventListener('abort', this.#onOuter)
    if (outer.aborted) this.#onOuter()
  }

  /** Aborts once it is reached. */
  get signal(): AbortSignal {
    return this.#controller.signal
  }

  /** What is to be done about the step that begins now, should it be reached: at once, if it is. */
  onReached(cut: (reason: unknown) => void): void {
    this.#cut = cut
    if (this.signal.aborted) cut(this.signal.reason)
  }

  /** Waits for work, or rejects with the reason once it is reached, also where the work takes no notice. */
  during<T>(work: Promise<T>): Promise<T> {
    return new Promise((resolve, reject) => {
      work.then(resolve, reject)
      this.onReached(reject)
    })
  }

  /** The request is over. */
  end(): void {
    this.#timer.cancel()
    this.#outer.removeEventListener('abort', this.#onOuter)
  }

  readonly #onOuter = (): void => this.#reach(this.#outer.reason)

  #reach(reason: unknown): void {
    this.#controller.abort(reason)
    this.#cut(reason)
  }
}
