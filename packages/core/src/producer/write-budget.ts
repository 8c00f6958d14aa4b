import { WalError } from '../errors.ts'

/** A write was refused because too many bytes are in flight; try again after `retryAfterMs`. */
export class OverloadedError extends WalError {
  readonly retryAfterMs: number

  constructor(message: string, retryAfterMs: number) {
    super('ERR_OVERLOADED', message, { retryable: true })
    this.retryAfterMs = retryAfterMs
  }
}

interface Waiter {
  readonly bytes: number
  readonly admit: () => void
}

/**
 * Bounds the bytes written and not yet durable. Those who find no room wait in line, first come
 * first served; one larger than the whole budget is let in when nothing else is.
 */
export class WriteBudget {
  readonly name: string
  readonly limitBytes: number
  readonly #waiters: Waiter[] = []
  #usedBytes = 0

  constructor(name: string, limitBytes: number) {
    this.name = name
    this.limitBytes = limitBytes
  }

  get usedBytes(): number {
    return this.#usedBytes
  }

  get waiting(): number {
    return this.#waiters.length
  }

  /** Takes the bytes if there is room now and nobody waits. */
  tryTake(bytes: number): boolean {
    if (this.#waiters.length > 0 || !this.#hasRoom(bytes)) return false
    this.#usedBytes += bytes
    return true
  }

  /** Waits in line for room. Resolves false if the signal aborts first; nothing is taken then. */
  take(bytes: number, signal: AbortSignal): Promise<boolean> {
    if (this.tryTake(bytes)) return Promise.resolve(true)
    if (signal.aborted) return Promise.resolve(false)
    return new Promise((resolve) => {
      const giveUp = (): void => {
        this.#waiters.splice(this.#waiters.indexOf(waiter), 1)
        resolve(false)
        this.#admitWaiting()
      }
      const waiter: Waiter = {
        bytes,
        admit: () => {
          signal.removeEventListener('abort', giveUp)
          resolve(true)
        },
      }
      this.#waiters.push(waiter)
      signal.addEventListener('abort', giveUp, { once: true })
    })
  }

  give(bytes: number): void {
    this.#usedBytes -= bytes
    if (this.#waiters.length > 0) this.#admitWaiting()
  }

  #admitWaiting(): void {
    for (;;) {
      const next = this.#waiters[0]
      if (next === undefined || !this.#hasRoom(next.bytes)) return
      this.#waiters.shift()
      this.#usedBytes += next.bytes
      next.admit()
    }
  }

  #hasRoom(bytes: number): boolean {
    return this.#usedBytes === 0 || this.#usedBytes + bytes <= this.limitBytes
  }
}
