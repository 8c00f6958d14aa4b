/** Something that can be cancelled, such as a timer. */
export interface Timer {
  /** Nothing will be called. Harmless once it has been. */
  cancel(): void
  /**
   * Whether it keeps the process alive from now on. A clock whose timers lack this may only keep a
   * process alive for as long as a timer that is not needed any more.
   */
  keepAlive?(isKept: boolean): void
}

/**
 * The only source of time in core. Injected everywhere, so that a test can move time by hand
 * and a run can be replayed from its seed.
 */
export interface Clock {
  /** Wall-clock time in ms since the Unix epoch; may step in either direction. */
  now(): number
  /** Milliseconds that only ever grow; for measuring spans and time-outs. */
  monotonic(): number
  /** Calls `run` once, `delayMs` from now. An unref'd timer does not keep the process alive. */
  setTimer(delayMs: number, run: () => void, options?: { readonly unref?: boolean }): Timer
}

/** Node's own timers take at most a signed 32-bit number of ms; longer ones fire at once. */
const longestTimerMs = 2 ** 31 - 1

/** The machine's clock. */
export const systemClock: Clock = {
  now: () => Date.now(),
  monotonic: () => performance.now(),
  setTimer(delayMs, run, options) {
    let handle: NodeJS.Timeout
    let isKept = options?.unref !== true
    const arm = (remainingMs: number): void => {
      const step = Math.min(remainingMs, longestTimerMs)
      handle = setTimeout(() => (remainingMs > step ? arm(remainingMs - step) : run()), step)
      if (!isKept) handle.unref()
    }
    arm(Math.max(0, delayMs))
    return {
      cancel: () => clearTimeout(handle),
      keepAlive(keeps) {
        isKept = keeps
        if (keeps) handle.ref()
        else handle.unref()
      },
    }
  },
}

/** Resolves after `delayMs` by the given clock, or at once when the signal aborts. Never rejects. */
export function sleep(clock: Clock, delayMs: number, signal?: AbortSignal): Promise<void> {
  if (signal?.aborted) return Promise.resolve()
  return new Promise((resolve) => {
    const done = (): void => {
      timer.cancel()
      signal?.removeEventListener('abort', done)
      resolve()
    }
    const timer = clock.setTimer(delayMs, done)
    signal?.addEventListener('abort', done, { once: true })
  })
}

/** Resolves with the work, or without it when the time is up. */
export async function within(clock: Clock, longestMs: number, work: Promise<void>): Promise<void> {
  const done = new AbortController()
  await Promise.race([work, sleep(clock, longestMs, done.signal)])
  done.abort()
}
