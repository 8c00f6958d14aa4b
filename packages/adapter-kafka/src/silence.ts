import { type Clock, WalError } from '@daybook/core'

/** A reading that hears nothing for so long is given up, in ms. */
const longestSilenceMs = 30_000

/** What work is given that must not wait in silence. */
export interface Watched {
  /** Aborts once the work is given up: what it finds from then on counts for nothing. */
  readonly signal: AbortSignal
  /** Something came: the wait for the next begins. Throws once the work is given up. */
  heard(): void
}

/** How long work may hear nothing, and what is said then. */
export interface SilenceOptions {
  readonly clock: Clock
  /** Gives the work up at once, with its reason. */
  readonly signal?: AbortSignal
  /** With what it is given up after so long a silence. */
  late(): Error
}

/** Waits for the work until it ends, is aborted, or has heard nothing for too long: a broker that is gone may never answer. */
export async function unlessSilent<T>(
  work: (watched: Watched) => Promise<T>,
  { clock, signal, late }: SilenceOptions,
): Promise<T> {
  signal?.throwIfAborted()
  const ending = new AbortController()
  const givenUp = new Promise<never>((_, reject) => {
    ending.signal.addEventListener('abort', () => reject(ending.signal.reason), { once: true })
  })
  const listen = () => clock.setTimer(longestSilenceMs, () => ending.abort(late()))
  let timer = listen()
  const heard = (): void => {
    ending.signal.throwIfAborted()
    timer.cancel()
    timer = listen()
  }
  const stop = (): void => ending.abort(signal?.reason)
  signal?.addEventListener('abort', stop, { once: true })
  try {
    return await Promise.race([work({ signal: ending.signal, heard }), givenUp])
  } finally {
    timer.cancel()
    signal?.removeEventListener('abort', stop)
  }
}

/** Nothing came for so long. `what` cannot be read; `failure` is what the client goes on trying after. */
export function silenceError(what: string, offset: number | undefined, failure: unknown): WalError {
  const where = offset === undefined ? '' : `, waiting for offset ${offset}`
  const reason =
    failure instanceof Error ? ` Its client goes on trying after: ${failure.message}.` : ''
  const text = `${what} cannot be read: nothing came for ${longestSilenceMs} ms${where}.`
  return new WalError('ERR_IO', `${text}${reason} The next call begins with a new reader.`, {
    retryable: true,
    cause: failure,
  })
}
