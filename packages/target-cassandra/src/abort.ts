/** Resolves once the signal has aborted. */
export function aborted(signal: AbortSignal): Promise<void> {
  if (signal.aborted) return Promise.resolve()
  return new Promise((resolve) => {
    signal.addEventListener('abort', () => resolve(), { once: true })
  })
}

/** The promise, or a rejection with the signal's reason where that aborts first. The driver cannot be called off. */
export async function raced<T>(promise: Promise<T>, signal: AbortSignal): Promise<T> {
  const calledOff = aborted(signal).then((): never => {
    throw signal.reason
  })
  return Promise.race([promise, calledOff])
}
