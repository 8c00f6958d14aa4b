/** How a batch wants to be applied and, once it is in, is. */
export interface Pass {
  /** With nothing else under way. */
  alone: boolean
  /** It may be alone for a while only, see `overstayed`. */
  readonly isBounded?: boolean
}

interface Waiter {
  readonly pass: Pass
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
  /** One whose time to be alone is bounded has used it up. */
  #isUsedUp = false

  /**
   * Undefined if it may begin at once, else a promise of its turn: false if the signal aborted
   * before it came. Each turn ends with `leave`.
   */
  enter(pass: Pass, signal: AbortSignal): Promise<boolean> | undefined {
    if (pass.isBounded && this.#isUsedUp) pass.alone = false
    if (this.#line.length === 0 && this.#hasRoom(pass)) {
      this.#admit(pass)
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
      const waiter = { pass, enter }
      this.#line.push(waiter)
      if (signal.aborted) giveUp()
      else signal.addEventListener('abort', giveUp, { once: true })
    })
  }

  /** What `enter` was given is over. */
  leave({ alone }: Pass): void {
    if (alone) this.#alone = false
    else this.#sideBySide--
    this.#letIn()
  }

  /**
   * One whose time is bounded has used that up, and is about to leave. From here on those like it go beside the
   * others, so that they are waited for once in this process, and not once each.
   */
  overstayed(): void {
    this.#isUsedUp = true
    for (const { pass } of this.#line) if (pass.isBounded) pass.alone = false
  }

  #letIn(): void {
    for (let next = this.#line[0]; next && this.#hasRoom(next.pass); next = this.#line[0]) {
      this.#line.shift()
      this.#admit(next.pass)
      next.enter()
    }
  }

  #hasRoom({ alone }: Pass): boolean {
    return !this.#alone && (!alone || this.#sideBySide === 0)
  }

  #admit({ alone }: Pass): void {
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
  readonly #pass: Pass
  readonly #signal: AbortSignal
  #isIn = false

  constructor(isolation: Isolation, pass: Pass, signal: AbortSignal) {
    this.#isolation = isolation
    this.#pass = pass
    this.#signal = signal
  }

  /** Undefined if it is in at once, or was; else a promise of that: false if the signal aborted before. */
  enter(): Promise<boolean> | undefined {
    if (this.#isIn) return undefined
    const turn = this.#isolation.enter(this.#pass, this.#signal)
    if (turn !== undefined) return this.#waitFor(turn)
    this.#isIn = true
    return undefined
  }

  /** Nothing of it is at the target any more. */
  leave(): void {
    if (!this.#isIn) return
    this.#isIn = false
    this.#isolation.leave(this.#pass)
  }

  /** Leaves, as others have waited for it for as long as they may. */
  overstay(): void {
    this.#isolation.overstayed()
    this.leave()
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
