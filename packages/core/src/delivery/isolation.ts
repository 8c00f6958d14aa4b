interface Waiter {
  readonly alone: boolean
  readonly enter: () => void
}

/**
 * Lets batches be applied side by side, or one with nothing else under way in the whole process.
 *
 * When a process dies, every record that was being applied is suspected of having killed it, since
 * nobody can tell which one did. Applied once more side by side, the guilty one would take the
 * same others down with it at every death, until all of them were dead letters. So suspects go
 * with nothing else under way.
 *
 * First come, first served: those that come after one who waits to be alone wait behind it.
 */
export class Isolation {
  readonly #line: Waiter[] = []
  #sideBySide = 0
  /** Invariant: if true, `#sideBySide` is 0. */
  #alone = false

  /**
   * Undefined if it may begin at once, else a promise of its turn: false if the signal aborted
   * before it came. Each turn ends with `leave`.
   */
  enter(alone: boolean, signal: AbortSignal): Promise<boolean> | undefined {
    if (this.#line.length === 0 && this.#hasRoom(alone)) {
      this.#admit(alone)
      return undefined
    }
    return new Promise((resolve) => {
      const giveUp = (): void => {
        this.#line.splice(this.#line.indexOf(waiter), 1)
        this.#letIn()
        resolve(false)
      }
      const enter = (): void => {
        signal.removeEventListener('abort', giveUp)
        resolve(true)
      }
      const waiter = { alone, enter }
      this.#line.push(waiter)
      if (signal.aborted) giveUp()
      else signal.addEventListener('abort', giveUp, { once: true })
    })
  }

  /** What `enter` was given is over. */
  leave(alone: boolean): void {
    if (alone) this.#alone = false
    else this.#sideBySide--
    this.#letIn()
  }

  #letIn(): void {
    for (let next = this.#line[0]; next && this.#hasRoom(next.alone); next = this.#line[0]) {
      this.#line.shift()
      this.#admit(next.alone)
      next.enter()
    }
  }

  #hasRoom(alone: boolean): boolean {
    return !this.#alone && (!alone || this.#sideBySide === 0)
  }

  #admit(alone: boolean): void {
    if (alone) this.#alone = true
    else this.#sideBySide++
  }
}

/**
 * The place of one batch: it is in while its records may be at the target, and not while the queue or the dead
 * letters are asked what became of them. Those may take their time, and other wals of the process would wait for them.
 */
export class Turn {
  readonly #isolation: Isolation
  readonly #alone: boolean
  readonly #signal: AbortSignal
  #isIn = false

  constructor(isolation: Isolation, alone: boolean, signal: AbortSignal) {
    this.#isolation = isolation
    this.#alone = alone
    this.#signal = signal
  }

  /** True while nothing else of the process may be under way. */
  get isAlone(): boolean {
    return this.#alone && this.#isIn
  }

  /** Undefined if it is in at once, or was; else a promise of that: false if the signal aborted before. */
  enter(): Promise<boolean> | undefined {
    if (this.#isIn) return undefined
    const turn = this.#isolation.enter(this.#alone, this.#signal)
    if (turn !== undefined) return this.#waitFor(turn)
    this.#isIn = true
    return undefined
  }

  /** Nothing of it is at the target any more. */
  leave(): void {
    if (!this.#isIn) return
    this.#isIn = false
    this.#isolation.leave(this.#alone)
  }

  async #waitFor(turn: Promise<boolean>): Promise<boolean> {
    this.#isIn = await turn
    return this.#isIn
  }
}

/**
 * The one that every wal of this process shares, since it is the process that dies. Worker threads
 * and a second copy of this package have one of their own: nothing is promised between those.
 */
export const processIsolation = new Isolation()
