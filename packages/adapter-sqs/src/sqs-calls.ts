import type { Clock, Timer } from '@daybook/core'
import type { SqsCallOptions } from './sqs-client.ts'

/** Most entries in one call. Source: the API reference of each batch action. */
export const mostEntries = 10

/**
 * Gives every call a time-out, for the SDK has none of its own: a connection that was cut without a
 * word would hold it for ever. It holds for all of the client's tries together, and for its waits between
 * them, which an aborted call would sit out.
 */
export class SqsCalls {
  readonly #clock: Clock
  readonly #timeoutMs: number

  constructor(clock: Clock, timeoutMs: number) {
    this.#clock = clock
    this.#timeoutMs = timeoutMs
  }

  /** `extraMs`: what the service may take its time for, such as the wait of a long poll. */
  async run<T>(call: (options: SqsCallOptions) => Promise<T>, extraMs = 0): Promise<T> {
    const controller = new AbortController()
    const { signal: abortSignal } = controller
    const timeoutMs = this.#timeoutMs + extraMs
    let timer: Timer | undefined
    const late = new Promise<never>((_, reject) => {
      timer = this.#clock.setTimer(timeoutMs, () => {
        controller.abort()
        const message = `No answer within ${timeoutMs} ms`
        reject(Object.assign(new Error(message), { name: 'TimeoutError' }))
      })
    })
    try {
      return await Promise.race([call({ abortSignal }), late])
    } finally {
      timer?.cancel()
    }
  }
}

/** The items in lots of what one call takes. */
export function lots<T>(
  items: readonly T[],
  size: number = mostEntries,
): readonly (readonly T[])[] {
  if (items.length <= size) return items.length > 0 ? [items] : []
  const count = Math.ceil(items.length / size)
  return Array.from({ length: count }, (_, at) => items.slice(at * size, (at + 1) * size))
}
