/**
 * Waits for work, or rejects with the signal's reason once that aborts. For targets, around the work of a client that
 * does not heed a signal: until an apply settles its keys are held. What the work comes to after that is dropped.
 *
 * @example
 * const rows = await orAborted(client.execute(query), signal)
 */
export function orAborted<T>(work: T | Promise<T>, signal: AbortSignal): Promise<T> {
  const { promise: aborted, reject } = Promise.withResolvers<never>()
  const abort = (): void => reject(signal.reason)
  signal.addEventListener('abort', abort, { once: true })
  if (signal.aborted) abort()
  return Promise.race([work, aborted]).finally(() => signal.removeEventListener('abort', abort))
}
