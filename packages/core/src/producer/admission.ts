import type { WriteBudget } from './write-budget.ts'

/** Writes of a namespace that may wait for room at once: each takes some KiB beside its bytes. */
export const mostWaiting = 10_000

/**
 * Lets writes in where both budgets, the namespace's and its shard's, have room. Those that find
 * none wait in one line, so that they are sent in the order in which they were called; each gives
 * up when its own signal says so, also in the middle of the line. The line is bounded: no more bytes wait
 * in it than the namespace may have in flight.
 */
export class Admission {
  readonly #own: WriteBudget
  readonly #shard: WriteBudget
  #waiting = 0
  #waitingBytes = 0
  /** Settles once the last one in line has been let in or has given up, and all before it. */
  #last: Promise<void> = Promise.resolve()

  constructor([own, shard]: readonly [WriteBudget, WriteBudget]) {
    this.#own = own
    this.#shard = shard
  }

  /** How many wait. */
  get waiting(): number {
    return this.#waiting
  }

  /** What those have that wait. */
  get waitingBytes(): number {
    return this.#waitingBytes
  }

  /** True while the line has a place for so many bytes; however many they are, where nobody waits. */
  mayWait(bytes: number): boolean {
    if (this.#waiting === 0) return true
    return this.#waiting < mostWaiting && this.#waitingBytes + bytes <= this.#own.limitBytes
  }

  /** Takes the bytes if there is room now and nobody waits. */
  tryTake(bytes: number): boolean {
    if (this.#waiting > 0 || !this.#own.tryTake(bytes)) return false
    if (this.#shard.tryTake(bytes)) return true
    this.#own.give(bytes)
    return false
  }

  /**
   * Waits in line for room, takes it and then calls `send`; `undefined` if the signal aborts first.
   * The place in line is kept until `send` has been called, so that nobody is sent in between.
   */
  async whenRoom<T>(bytes: number, signal: AbortSignal, send: () => T): Promise<T | undefined> {
    const before = this.#last
    const { promise, resolve } = Promise.withResolvers<void>()
    this.#last = promise
    this.#waiting++
    this.#waitingBytes += bytes
    try {
      const isFirst = await settledInTime(before, signal)
      return isFirst && (await this.#takeBoth(bytes, signal)) ? send() : undefined
    } finally {
      this.#waiting--
      this.#waitingBytes -= bytes
      void before.then(resolve)
    }
  }

  give(bytes: number): void {
    this.#own.give(bytes)
    this.#shard.give(bytes)
  }

  async #takeBoth(bytes: number, signal: AbortSignal): Promise<boolean> {
    if (!(await this.#own.take(bytes, signal))) return false
    if (await this.#shard.take(bytes, signal)) return true
    this.#own.give(bytes)
    return false
  }
}

/** False if the signal aborts before the promise is settled. */
function settledInTime(settled: Promise<void>, signal: AbortSignal): Promise<boolean> {
  if (signal.aborted) return Promise.resolve(false)
  return new Promise((resolve) => {
    const giveUp = (): void => resolve(false)
    signal.addEventListener('abort', giveUp, { once: true })
    void settled.then(() => {
      signal.removeEventListener('abort', giveUp)
      resolve(true)
    })
  })
}
