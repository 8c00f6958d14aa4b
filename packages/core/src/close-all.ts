import type { Clock } from './clock.ts'
import { WalError } from './errors.ts'

/** One part to close. */
export interface Closing {
  /** What it is, for the error if it does not close in time. */
  readonly what: string
  close(): unknown
}

/** How long each part may take. */
export interface ClosingTime {
  readonly clock: Clock
  readonly longestMs: number
}

/**
 * Closes every part in turn, whatever becomes of the others, and then rejects with the first
 * failure, if any: one part that fails to close, or takes for ever, must not keep the rest open.
 */
export async function closeAll(parts: readonly Closing[], time: ClosingTime): Promise<void> {
  const failures: unknown[] = []
  for (const part of parts) {
    try {
      await closeInTime(part, time)
    } catch (error) {
      failures.push(error)
    }
  }
  if (failures.length > 0) throw failures[0]
}

async function closeInTime({ what, close }: Closing, { clock, longestMs }: ClosingTime) {
  const { promise: late, reject } = Promise.withResolvers<never>()
  const timer = clock.setTimer(longestMs, () => {
    reject(new WalError('ERR_CLOSE_TIMEOUT', `The ${what} did not close within ${longestMs} ms.`))
  })
  try {
    await Promise.race([close(), late])
  } finally {
    timer.cancel()
  }
}
