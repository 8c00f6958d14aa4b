import type { Clock } from './clock.ts'
import { WalError } from './errors.ts'

/** One part to close. */
export interface Closing {
  /** What it is, for the error if it does not close in time. */
  readonly what: string
  close(): unknown
}

/** By when all parts are to be closed. */
export interface ClosingTime {
  readonly clock: Clock
  /** By the monotonic clock, in ms. */
  readonly until: number
}

/** What everything together may take to close beyond the deadline of a close, in ms. */
export const closingMs = 2000

/** What a part is given where others have taken all of the time, in ms. */
const leastMs = 250

/**
 * Closes every part, whatever becomes of the others, and then rejects with the first failure, if any:
 * one part that fails to close, or takes for ever, must not keep the rest open. One group is closed
 * after the other, the parts of a group side by side.
 */
export async function closeAll(
  groups: readonly (readonly Closing[])[],
  time: ClosingTime,
): Promise<void> {
  const failures: unknown[] = []
  for (const group of groups) {
    const results = await Promise.allSettled(group.map((part) => closeInTime(part, time)))
    for (const result of results) if (result.status === 'rejected') failures.push(result.reason)
  }
  if (failures.length > 0) throw failures[0]
}

async function closeInTime({ what, close }: Closing, { clock, until }: ClosingTime) {
  const longestMs = Math.max(leastMs, Math.ceil(until - clock.monotonic()))
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
