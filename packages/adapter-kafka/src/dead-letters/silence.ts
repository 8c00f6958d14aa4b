import type { Clock } from '@daybook/core'

/** What work is given that must not wait in silence. */
export interface Watched {
  /** Aborts once the work is given up: what it finds from then on counts for nothing. */
  readonly signal: AbortSignal
  /** Something came: the wait for the next begins. */
  heard(): void
}

/** How long work may hear nothing, and what is said then. */
export interface SilenceOptions {
  readonly clock: Clock
  readonly longestMs: number
  /** Gives the work up at once, with its reason. */
  readonly signal: AbortSignal
  /** With what it is given up after so long a silence. */
  late(): Error
}

/** Waits for the work until it ends, is aborted, or has heard nothing for too long: a broker that is gone may never answer. */
export async function unlessSilent(
  work: (watched: Watched) => Promise<void>,
  { clock, longestMs, signal, late }: SilenceOptions,
): Promise<void> {
  const ending = new AbortController()
  const givenUp = new Promise<never>((_, reject) => {
    ending.signal.addEventListener('abort', () => reject(ending.signal.reason), { once: true })
  })
  const listen = () => clock.setTimer(longestMs, () => ending.abort(late()))
  let timer = listen()
  const heard = (): void => {
    timer.cancel()
    if (!ending.signal.aborted) timer = listen()
  }
  const stop = (): void => ending.abort(signal.reason)
  signal.addEventListener('abort', stop, { once: true })
  try {
    await Promise.race([work({ signal: ending.signal, heard }), givenUp])
  } finally {
    timer.cancel()
    signal.removeEventListener('abort', stop)
  }
}
